import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANONYMOUS, type Authenticator, createAuthenticator } from '../../src/access/index.ts';
import { defaultConfig } from '../../src/config/parse-config.ts';
import { ConfigFolder } from '../support/folders.ts';
import {
  authenticatorOf,
  compact,
  type IssuerKeys,
  inAnHour,
  jwkOf,
  newKeys,
  pemOf,
  refusal,
  SECRET,
  SILENT,
  signed,
} from '../support/tokens.ts';

const RSA = newKeys('RS256');
const EC = newKeys('ES256');
const EDDSA = newKeys('EdDSA');
const FOREIGN_KEY = newKeys('EdDSA');
const ALL = [RSA, EC, EDDSA];

const folder = new ConfigFolder();
afterAll(() => folder[Symbol.dispose]());
const keysFile = `${folder.path}/keys.json`;
folder.write('keys.json', {
  keys: ALL.map((keys) => jwkOf(keys, { kid: `key of ${keys.algorithm}` })),
});

let authenticator: Authenticator;
beforeAll(async () => {
  authenticator = await authenticatorOf({
    jwtSecret: SECRET,
    keysFile,
    issuer: 'https://issuer.example',
    audience: 'tickwire',
    clockToleranceMs: 2_000,
  });
});

const GOOD = { iss: 'https://issuer.example', aud: ['other', 'tickwire'] };
const good = (claims: object = {}, by: string | IssuerKeys = SECRET, header: object = {}) =>
  signed({ ...GOOD, ...claims }, by, header);
const refused = (token: string) => refusal(authenticator, token);
const seconds = () => Math.floor(Date.now() / 1000);

it('demands no tokens unless one of its keys is configured', async () => {
  expect(await createAuthenticator(defaultConfig().auth, SILENT)).toBeUndefined();
  expect(ANONYMOUS.publish.isAll && ANONYMOUS.read.isAll && ANONYMOUS.isOperator).toBe(true);
});

describe('a good token', () => {
  it('becomes the identity that its claims tell of', async () => {
    const exp = inAnHour();
    const tickwire = {
      tenant: 'acme.eu_1-a',
      publish: ['BTC-*', 'ETH-USD'],
      read: ['*'],
      operator: true,
      connectionsMax: 3,
      ticksPerSecond: 1000,
      requestsPerSecond: 5,
    };
    const identity = await authenticator.authenticate(
      await good({ sub: 'feed-a', jti: 'a1', exp, tickwire }),
    );
    expect(identity).toMatchObject({
      tenant: 'acme.eu_1-a',
      subject: 'feed-a',
      tokenId: 'jwt:a1',
      expiresAt: exp * 1000 + 2_000,
      isOperator: true,
      limits: { connectionsMax: 3, ticksPerSecond: 1000, requestsPerSecond: 5 },
    });
    expect(identity.publish.patterns).toEqual(['BTC-*', 'ETH-USD']);
    expect(
      ['BTC-EUR', 'ETH-USD', 'ETH-EUR'].map((symbol) => identity.publish.covers(symbol)),
    ).toEqual([true, true, false]);
    expect(identity.publish.isAll).toBe(false);
    expect(identity.read.isAll).toBe(true);
  });

  it('allows nothing that it does not name', async () => {
    const token = await good();
    const { publish, read, ...identity } = await authenticator.authenticate(token);
    expect(publish).toMatchObject({ isAll: false, patterns: [] });
    expect(read.covers('BTC-USD')).toBe(false);
    const digest = createHash('sha256').update(token).digest('hex');
    expect(identity).toMatchObject({
      tenant: '',
      tokenId: `jwt#${digest.slice(0, 16)}`,
      isOperator: false,
      limits: {},
    });
  });

  it.each([['HS256', SECRET] as const, ...ALL.map((keys) => [keys.algorithm, keys] as const)])(
    'is accepted with %s, with and without the name of its key',
    async (algorithm, by) => {
      for (const header of [{}, { kid: `key of ${algorithm}` }]) {
        const { subject } = await authenticator.authenticate(await good({ sub: 'a' }, by, header));
        expect(subject).toBe('a');
      }
    },
  );

  it('is accepted as long as clocks may be off', async () => {
    const early = await authenticator.authenticate(await good({ nbf: seconds() + 2 }));
    expect(early.subject).toBe('someone');
    const tolerant = await authenticatorOf({ jwtSecret: SECRET, clockToleranceMs: 600_000 });
    const exp = seconds() - 300;
    const late = await tolerant.authenticate(await signed({ exp }));
    expect(late.expiresAt).toBe(exp * 1000 + 600_000);
  });

  it('is answered from memory until it ends, with the same identity', async () => {
    const exact = await authenticatorOf({ jwtSecret: SECRET, clockToleranceMs: 0 });
    const token = await signed({ exp: seconds() + 3 });
    const first = await exact.authenticate(token);
    expect(await exact.authenticate(token)).toBe(first);
    await expect
      .poll(() => exact.authenticate(token).catch(String), {
        timeout: 30_000,
      })
      .toMatch(/^AccessError: claim "exp": expected a time in the future/);
    expect(Date.now()).toBeGreaterThanOrEqual(first.expiresAt);
  });

  it('may have any issuer and audience where none is configured', async () => {
    const lenient = await authenticatorOf({ jwtSecret: SECRET });
    expect((await lenient.authenticate(await signed({ sub: 'a' }))).subject).toBe('a');
  });
});

describe('a token is refused', () => {
  it.each([
    ['empty', ''],
    ['a word', 'garbage-of-a-client'],
    ['three words', 'garbage.of-some.client'],
    ['two parts', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0'],
    ['four parts', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.AAAA.BBBB'],
    ['white space', ' eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.AAAA'],
    ['a header of JSON that is no object', `${Buffer.from('[1]').toString('base64url')}.e30.AAAA`],
    ['other letters', 'ключ.ключ.ключ'],
  ])('that is garbage: %s', async (_what, token) => {
    expect(await refused(token)).toBe('the token is neither a signed token (JWT) nor an API key');
  });

  it('that is too long, before anything is read of it', async () => {
    const token = await good({ filling: 'x'.repeat(8_192) });
    expect(await refused(token)).toBe(
      `expected a token of at most 8192 characters, got ${token.length}`,
    );
  });

  it.each(['none', 'None', 'HS384', 'HS512', 'RS512', 'PS256', 'ES384', 'RSA-OAEP'])(
    'whose algorithm is %s',
    async (alg) => {
      const payload = { sub: 'a', exp: inAnHour(), ...GOOD };
      for (const signature of ['', 'c2lnbmF0dXJlLW9mLW5vdGhpbmc']) {
        expect(await refused(compact({ alg }, payload, signature))).toBe(
          `header "alg": expected one of HS256, RS256, ES256, EdDSA, got "${alg}"`,
        );
      }
    },
  );

  it('whose header names no algorithm, odd keys, or extensions', async () => {
    const refusedHeader = (header: object) => refused(compact(header, {}, 'AAAAAAAA'));
    expect(await refusedHeader({})).toMatch(/^header "alg": .* got nothing$/);
    expect(await refusedHeader({ alg: 5 })).toMatch(/^header "alg": .* got 5$/);
    expect(await refusedHeader({ alg: 'HS256', kid: 7 })).toMatch(/^header "kid": .* got 7$/);
    expect(await refusedHeader({ alg: 'HS256', kid: 'k'.repeat(257) })).toMatch(
      /\(257 characters\)/,
    );
    expect(await refused(await good({}, SECRET, { crit: ['b64'], b64: true }))).toBe(
      'header "crit": extensions are not supported',
    );
  });

  it('that has no signature although it names a known algorithm', async () => {
    const payload = { sub: 'a', exp: inAnHour(), ...GOOD };
    for (const alg of ['HS256', 'RS256', 'ES256', 'EdDSA']) {
      expect(await refused(compact({ alg }, payload))).toMatch(/signature|malformed/);
    }
  });

  it.each([['HS256', SECRET] as const, ...ALL.map((keys) => [keys.algorithm, keys] as const)])(
    'that was tampered with (%s)',
    async (algorithm, by) => {
      const [header, , signature] = (await good({ tickwire: {} }, by)).split('.');
      const [, payload] = (await good({ tickwire: { operator: true } }, by)).split('.');
      expect(await refused(`${header}.${payload}.${signature}`)).toBe(
        `the signature matches no known key for ${algorithm}`,
      );
    },
  );

  it('that another signed', async () => {
    expect(await refused(await good({}, `${SECRET} of another`))).toMatch(
      /^the signature matches no/,
    );
    expect(await refused(await good({}, FOREIGN_KEY))).toMatch(/^the signature matches no/);
    expect(await refused(await good({}, FOREIGN_KEY, { kid: 'key of EdDSA' }))).toMatch(
      /^the signature matches no/,
    );
    const jwk = jwkOf(FOREIGN_KEY);
    expect(await refused(await good({}, FOREIGN_KEY, { jwk }))).toMatch(
      /^the signature matches no/,
    );
  });

  it('that names a key which is not known, or one of another algorithm', async () => {
    expect(await refused(await good({}, EDDSA, { kid: 'gone' }))).toBe(
      'no key for a token with "alg" "EdDSA" and "kid" "gone"',
    );
    expect(await refused(await good({}, EDDSA, { kid: 'key of RS256' }))).toMatch(/^no key/);
  });

  it('that is signed with a public key as if it were a secret', async () => {
    // Anyone with the public key could forge these; both with and without an HS256 secret.
    const publicOnly = await authenticatorOf({ keysFile });
    for (const keys of ALL) {
      const texts = [pemOf(keys), pemOf(keys).trim(), JSON.stringify(jwkOf(keys))];
      for (const text of texts) {
        const token = await good({}, text);
        expect(await refusal(publicOnly, token)).toBe(
          'header "alg": expected one of RS256, ES256, EdDSA, got "HS256"',
        );
        expect(await refused(token)).toBe('the signature matches no known key for HS256');
      }
    }
  });

  it('of a kind for which nothing is configured', async () => {
    const secretOnly = await authenticatorOf({ jwtSecret: SECRET });
    expect(await refusal(secretOnly, await good({}, RSA))).toBe(
      'header "alg": expected one of HS256, got "RS256"',
    );
    expect(await refusal(secretOnly, `tw_${'a'.repeat(43)}`)).toBe('API keys are not accepted');
  });

  it.each([
    ['exp', { exp: undefined }, /^claim "exp": expected a time in the future, .* got nothing$/],
    ['exp', { exp: 1_000 }, /^claim "exp": expected a time in the future, .* got 1000$/],
    ['exp', { exp: 'soon' }, /^claim "exp": .* got "soon"$/],
    ['exp', { exp: 1e300 }, /^claim exp: expected seconds since 1970, .* got 1e\+300$/],
    [
      'nbf',
      { nbf: 9_999_999_999 },
      /^claim "nbf": expected a time in the past, .* got 9999999999$/,
    ],
    ['nbf', { nbf: '0' }, /^claim "nbf": .* got "0"$/],
    ['iss', { iss: 'https://evil.example' }, /"https:\/\/issuer.example", got "https:\/\/evil/],
    ['iss', { iss: undefined }, /^claim "iss": .* got nothing$/],
    ['aud', { aud: ['other'] }, /^claim "aud": expected "tickwire", got an array$/],
    ['aud', { aud: undefined }, /^claim "aud": expected "tickwire", got nothing$/],
  ])('for its claim %s: %o', async (_claim, claims, message) => {
    expect(await refused(await good(claims))).toMatch(message);
  });

  it.each([
    [{ sub: undefined }, 'claim sub: expected a string of 1 to 128 characters, .* got nothing'],
    [{ sub: '' }, 'claim sub: .* got ""'],
    [{ sub: 5 }, 'claim sub: .* got 5'],
    [{ sub: 'x'.repeat(129) }, 'claim sub: .* \\(129 characters\\)'],
    [{ sub: 'a\nb' }, 'claim sub: .* got "a\\\\nb"'],
    [{ sub: 'a\u0085b' }, 'claim sub: .* got "a\\\\u0085b"'],
    [{ jti: 7 }, 'claim jti: .* got 7'],
    [{ tickwire: 'all' }, 'claim tickwire: expected an object of tenant, .* got "all"'],
    [{ tickwire: [] }, 'claim tickwire: expected an object .* got an empty array'],
    [{ tickwire: null }, 'claim tickwire: expected an object .* got null'],
    [
      { tickwire: { admin: true } },
      'claim "tickwire.admin": unknown, expected one of tenant, publish',
    ],
    [{ tickwire: { tenant: '' } }, 'claim tickwire.tenant: expected a name of 1 to 32 .* got ""'],
    [{ tickwire: { tenant: 'a/b' } }, 'claim tickwire.tenant: .* got "a/b"'],
    [{ tickwire: { tenant: 'a\n' } }, 'claim tickwire.tenant: .* got "a\\\\n"'],
    [{ tickwire: { tenant: 'x'.repeat(33) } }, 'claim tickwire.tenant: .* got "x{33}"'],
    [{ tickwire: { publish: '*' } }, 'claim tickwire.publish: expected an array .* got "\\*"'],
    [
      { tickwire: { publish: ['A', 7] } },
      'claim tickwire.publish\\[1\\]: expected a symbol, .* got 7',
    ],
    [{ tickwire: { read: [''] } }, 'claim tickwire.read\\[0\\]: .* got ""'],
    [{ tickwire: { read: [' A'] } }, 'claim tickwire.read\\[0\\]: .* got " A"'],
    [
      { tickwire: { read: Array(1001).fill('A') } },
      'claim tickwire.read: expected .* at most 1000',
    ],
    [
      { tickwire: { operator: 'yes' } },
      'claim tickwire.operator: expected true or false, got "yes"',
    ],
    [{ tickwire: { operator: 1 } }, 'claim tickwire.operator: expected true or false, got 1'],
    [
      { tickwire: { connectionsMax: 0 } },
      'claim tickwire.connectionsMax: expected an integer .* got 0',
    ],
    [{ tickwire: { ticksPerSecond: 1.5 } }, 'claim tickwire.ticksPerSecond: .* got 1.5'],
    [{ tickwire: { requestsPerSecond: '9' } }, 'claim tickwire.requestsPerSecond: .* got "9"'],
  ])('for claims that are not as documented: %j', async (claims, message) => {
    expect(await refused(await good(claims))).toMatch(new RegExp(`^${message}`));
  });

  it('without showing a key that was put in the wrong place', async () => {
    const key = `tw_${'Ab1-'.repeat(11)}`;
    for (const tickwire of [key, { [key]: 1 }, { tenant: key }, { read: [key] }]) {
      const message = await refused(await good({ tickwire }));
      expect(message).toMatch(/^claim /);
      expect(message).not.toContain('Ab1-Ab1-');
    }
  });

  it('whose claims would change the prototype of an object', async () => {
    for (const claims of ['{"__proto__": {"operator": true}}', '{"constructor": {}}']) {
      const identity = await authenticator
        .authenticate(await good({ tickwire: JSON.parse(claims) as object }))
        .catch(() => undefined);
      expect(identity?.isOperator ?? false).toBe(false);
    }
  });

  it('whose claims are no JSON object', async () => {
    const { CompactSign } = await import('jose');
    for (const payload of ['[]', '5', 'text', '']) {
      const token = await new CompactSign(Buffer.from(payload))
        .setProtectedHeader({ alg: 'HS256' })
        .sign(Buffer.from(SECRET));
      expect(await refused(token)).toMatch(/malformed|neither/);
    }
  });
});
