import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { UncheckedTokenError } from '../../src/access/index.ts';
import { type FetchTiming, RemoteKeys } from '../../src/access/remote-keys.ts';
import { SignedTokens } from '../../src/access/signed-tokens.ts';
import {
  authenticatorOf,
  type IssuerKeys,
  jwkOf,
  newKeys,
  pemOf,
  refusal,
  signed,
} from '../support/tokens.ts';

const OLD = newKeys('EdDSA');
const NEW = newKeys('ES256');
const KEYLESS = /^the keys that verify tokens are unavailable/;

/** An issuer's HTTP server. What it answers may be changed at any time. */
class Issuer {
  requests = 0;
  answer: (response: ServerResponse) => void = (response) => response.end('{"keys": []}');
  readonly #server = createServer((_request, response) => {
    this.requests += 1;
    this.answer(response);
  });

  static async start(): Promise<Issuer> {
    const issuer = new Issuer();
    await issuer.listen(0);
    onTestFinished(() => issuer.stop());
    return issuer;
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve) => {
      this.#server.listen(port, '127.0.0.1', resolve);
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/keys?api_key=hidden`;
  }

  serve(...keys: readonly (readonly [IssuerKeys, kid?: string])[]): void {
    const jwks = { keys: keys.map(([pair, kid]) => jwkOf(pair, kid === undefined ? {} : { kid })) };
    this.answer = (response) => response.end(JSON.stringify(jwks));
  }
}

const QUICK: FetchTiming = { timeoutMs: 2_000, cooldownMs: 0, retryMs: 0, freshMs: 600_000 };

function tokensOf(issuer: Issuer, timing: Partial<FetchTiming> = {}) {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => lines.push(line) });
  const keys = new RemoteKeys(issuer.url, log, { ...QUICK, ...timing });
  const rules = { issuer: '', audience: '', clockToleranceMs: 0 };
  const signedTokens = new SignedTokens([keys], rules);
  let count = 0;
  const authenticator = {
    authenticate: (token: string) => {
      count += 1;
      return signedTokens.identify(token, `digest ${count}`);
    },
    reload: () => keys.reload(),
  };
  const subject = async (token: string) => (await authenticator.authenticate(token)).subject;
  return { authenticator, subject, lines };
}

it('accepts what the keys of the URL signed, and asks for them once', async () => {
  const issuer = await Issuer.start();
  issuer.serve([OLD, 'old'], [NEW, 'new']);
  const authenticator = await authenticatorOf({ jwksUrl: issuer.url });
  const tokens = await Promise.all([
    signed({ sub: 'a' }, OLD, { kid: 'old' }),
    signed({ sub: 'b' }, NEW, { kid: 'new' }),
    signed({ sub: 'c' }, NEW),
  ]);
  const all = await Promise.all(tokens.map((token) => authenticator.authenticate(token)));
  expect(all.map(({ subject }) => subject)).toEqual(['a', 'b', 'c']);
  expect(await refusal(authenticator, await signed({}, pemOf(NEW)))).toMatch(/^header "alg"/);
  expect(await refusal(authenticator, await signed({}, newKeys('ES256'), { kid: 'new' }))).toMatch(
    /^the signature matches no/,
  );
  expect(issuer.requests).toBe(1);
});

it('tries several keys of an algorithm for a token that names none', async () => {
  const issuer = await Issuer.start();
  const [first, second] = [newKeys('EdDSA'), newKeys('EdDSA')];
  issuer.serve([first, '1'], [second, '2']);
  const { subject, authenticator } = tokensOf(issuer);
  expect(await subject(await signed({ sub: 'a' }, first))).toBe('a');
  expect(await subject(await signed({ sub: 'b' }, second))).toBe('b');
  expect(await refusal(authenticator, await signed({}, newKeys('EdDSA')))).toMatch(
    /^the signature/,
  );
});

it('takes new keys up when a token names one, and drops those that are gone', async () => {
  const issuer = await Issuer.start();
  issuer.serve([OLD, 'old']);
  const { subject, authenticator } = tokensOf(issuer);
  const old = await signed({ sub: 'old' }, OLD, { kid: 'old' });
  const next = await signed({ sub: 'new' }, NEW, { kid: 'new' });
  expect(await subject(old)).toBe('old');
  expect(await refusal(authenticator, next)).toBe(
    'no key for a token with "alg" "ES256" and "kid" "new"',
  );
  issuer.serve([OLD, 'old'], [NEW, 'new']);
  expect(await subject(next)).toBe('new');
  expect(await subject(old)).toBe('old');
  issuer.serve([NEW, 'new']);
  await authenticator.reload();
  expect(await refusal(authenticator, old)).toMatch(/^no key/);
});

it('looks again for unknown keys only so often', async () => {
  const issuer = await Issuer.start();
  issuer.serve([OLD, 'old']);
  const { subject, authenticator } = tokensOf(issuer, { cooldownMs: 60_000 });
  expect(await subject(await signed({ sub: 'a' }, OLD, { kid: 'old' }))).toBe('a');
  for (let attempt = 0; attempt < 20; attempt += 1) {
    await refusal(authenticator, await signed({}, NEW, { kid: `unknown ${attempt}` }));
  }
  expect(issuer.requests).toBe(1);
});

it('refetches old keys, and uses them meanwhile', async () => {
  const issuer = await Issuer.start();
  issuer.serve([OLD, 'old']);
  const { subject, lines } = tokensOf(issuer, { freshMs: 0 });
  const token = await signed({ sub: 'a' }, OLD, { kid: 'old' });
  expect(await subject(token)).toBe('a');
  issuer.answer = (response) => response.writeHead(500).end('broken');
  expect(await subject(token)).toBe('a');
  await expect.poll(() => lines.join('')).toContain('expected status 200, got 500');
  expect(lines.join('')).toContain('the old keys stay in use');
  expect(await subject(token)).toBe('a');
  issuer.serve([NEW, 'new']);
  await expect.poll(() => subject(token).catch(String)).toMatch(/^AccessError: no key/);
  expect(lines.join('')).not.toContain('hidden');
});

it('starts while the URL is down, puts everything off, and recovers with it', async () => {
  const issuer = await Issuer.start();
  issuer.serve([OLD, 'old']);
  const { port } = issuer;
  const { subject, authenticator, lines } = tokensOf(issuer);
  await issuer.stop();
  const token = await signed({ sub: 'a' }, OLD, { kid: 'old' });
  expect(await refusal(authenticator, token, UncheckedTokenError)).toMatch(KEYLESS);
  await expect(authenticator.reload()).rejects.toThrow(
    `auth.jwksUrl: cannot fetch http://127.0.0.1:${port}/keys: ECONNREFUSED`,
  );
  expect(lines.join('')).toContain('signed tokens cannot be verified');
  await issuer.listen(port);
  expect(await subject(token)).toBe('a');
  await issuer.stop();
  expect(await subject(token)).toBe('a');
  await expect(authenticator.reload()).rejects.toThrow(/^auth.jwksUrl: cannot fetch/);
  expect(await subject(token)).toBe('a');
});

it('refuses tokens of unknown keys only where the URL says that it has none', async () => {
  const issuer = await Issuer.start();
  issuer.serve([OLD, 'old']);
  const { authenticator, subject } = tokensOf(issuer);
  const next = await signed({ sub: 'new' }, NEW, { kid: 'new' });
  expect(await subject(await signed({ sub: 'old' }, OLD, { kid: 'old' }))).toBe('old');
  issuer.answer = (response) => response.writeHead(503).end();
  expect(await refusal(authenticator, next, UncheckedTokenError)).toMatch(KEYLESS);
  expect(await subject(await signed({ sub: 'old' }, OLD, { kid: 'old' }))).toBe('old');
  issuer.serve([OLD, 'old']);
  expect(await refusal(authenticator, next)).toMatch(/^no key/);
  issuer.serve([NEW, 'new']);
  expect(await subject(next)).toBe('new');
});

it('does not query a failing URL for each token', async () => {
  const issuer = await Issuer.start();
  issuer.answer = (response) => response.writeHead(503).end();
  const { authenticator } = tokensOf(issuer, { retryMs: 60_000 });
  const token = await signed({}, OLD, { kid: 'old' });
  for (let attempt = 0; attempt < 20; attempt += 1) {
    expect(await refusal(authenticator, token, UncheckedTokenError)).toMatch(KEYLESS);
  }
  expect(issuer.requests).toBe(1);
});

it('gives up on a slow URL, with one request for all waiting', async () => {
  const issuer = await Issuer.start();
  // The head comes, the body does not end.
  issuer.answer = (response) => response.writeHead(200).write('{"keys":');
  const { authenticator, subject } = tokensOf(issuer, { timeoutMs: 300 });
  const token = await signed({ sub: 'a' }, OLD, { kid: 'old' });
  const messages = await Promise.all(
    Array.from({ length: 10 }, () => refusal(authenticator, token, UncheckedTokenError)),
  );
  for (const message of messages) expect(message).toMatch(KEYLESS);
  expect(issuer.requests).toBe(1);
  issuer.serve([OLD, 'old']);
  expect(await subject(token)).toBe('a');
});

it.each([
  ['no JSON', (response: ServerResponse) => response.end('<html>')],
  ['no set', (response: ServerResponse) => response.end('{"keys": 5}')],
  ['another place', (response: ServerResponse) => response.writeHead(302, { location: '/' }).end()],
  ['too much', (response: ServerResponse) => response.end(`{"keys": []}${' '.repeat(1_048_577)}`)],
])('keeps the keys it has where the URL answers with %s', async (_what, answer) => {
  const issuer = await Issuer.start();
  issuer.serve([OLD, 'old']);
  const { authenticator, subject } = tokensOf(issuer);
  const token = await signed({ sub: 'a' }, OLD, { kid: 'old' });
  expect(await subject(token)).toBe('a');
  issuer.answer = answer;
  await expect(authenticator.reload()).rejects.toThrow(/^auth.jwksUrl: cannot fetch/);
  expect(await subject(token)).toBe('a');
});

it('never takes a secret or a private key of a set', async () => {
  const issuer = await Issuer.start();
  const secret = 'a secret that an issuer serves by mistake';
  const keys = [
    { kty: 'oct', kid: 'secret', k: Buffer.from(secret).toString('base64url') },
    { ...OLD.privateKey.export({ format: 'jwk' }), kid: 'private' },
  ];
  issuer.answer = (response) => response.end(JSON.stringify({ keys }));
  const { authenticator } = tokensOf(issuer);
  expect(await refusal(authenticator, await signed({}, secret, { kid: 'secret' }))).toMatch(
    /^header "alg": expected one of RS256, ES256, EdDSA/,
  );
  expect(await refusal(authenticator, await signed({}, OLD, { kid: 'private' }))).toMatch(
    /^no key/,
  );
});
