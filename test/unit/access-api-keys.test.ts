import crypto, { createHash, randomBytes } from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  type Identity,
  IssueError,
  issueApiKey,
  issueToken,
  KeyFileError,
} from '../../src/access/index.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { ConfigFolder } from '../support/folders.ts';
import { authenticatorOf, refusal, SECRET, signed } from '../support/tokens.ts';

const folder = new ConfigFolder();
afterAll(() => folder[Symbol.dispose]());
const apiKeysFile = `${folder.path}/api-keys.json`;

function issued(name: string, permissions: object = {}, lifetimeMs?: number) {
  const { key, entry } = issueApiKey({ name, permissions, lifetimeMs });
  return { key, entry: JSON.parse(entry) as Record<string, unknown> };
}

async function withKeys(entries: readonly unknown[]) {
  folder.write('api-keys.json', { keys: entries });
  return authenticatorOf({ apiKeysFile });
}

const newKey = () => `tw_${randomBytes(32).toString('base64url')}`;
const hashOf = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`;

describe('an API key', () => {
  it('has 256 bits of chance, and a hash that does not tell it', () => {
    const { key, entry } = issued('feed-a');
    expect(key).toMatch(/^tw_[\w-]{43}$/);
    expect(entry).toEqual({ id: 'feed-a', hash: hashOf(key) });
    expect(issued('feed-a').key).not.toBe(key);
  });

  it('becomes the identity that its entry tells of', async () => {
    const permissions = { tenant: 'acme', publish: ['A', 'B*'], operator: true, ticksPerSecond: 9 };
    const { key, entry } = issued('feed-a', permissions, 60_000);
    const others = Array.from({ length: 20 }, (_, index) => issued(`other-${index}`).entry);
    const authenticator = await withKeys([...others, entry]);
    const identity: Identity = await authenticator.authenticate(key);
    expect(identity).toMatchObject({
      tenant: 'acme',
      subject: 'feed-a',
      tokenId: 'key:feed-a',
      expiresAt: Date.parse(String(entry.expiresAt)),
      isOperator: true,
      limits: { ticksPerSecond: 9 },
    });
    expect(['A', 'B1', 'C'].map((symbol) => identity.publish.covers(symbol))).toEqual([
      true,
      true,
      false,
    ]);
    expect(identity.read.patterns).toEqual([]);
  });

  it('lives for ever if nothing else is said, and may have its hash in capitals', async () => {
    const key = newKey();
    const authenticator = await withKeys([
      { id: 'a', hash: hashOf(key).toUpperCase().replace('SHA256', 'sha256') },
    ]);
    expect((await authenticator.authenticate(key)).expiresAt).toBe(Number.POSITIVE_INFINITY);
  });

  it('is found at any position', async () => {
    const keys = Array.from({ length: 5 }, (_, index) => issued(`k${index}`));
    const authenticator = await withKeys(keys.map(({ entry }) => entry));
    for (const [index, { key }] of keys.entries()) {
      expect((await authenticator.authenticate(key)).subject).toBe(`k${index}`);
    }
  });

  it('is compared with every entry in constant time, at any position', async () => {
    const keys = Array.from({ length: 8 }, (_, index) => issued(`k${index}`));
    const authenticator = await withKeys(keys.map(({ entry }) => entry));
    const comparison = vi.spyOn(crypto, 'timingSafeEqual');
    // Named imports get the spied function, and the original again at the end.
    syncBuiltinESMExports();
    onTestFinished(() => {
      comparison.mockRestore();
      syncBuiltinESMExports();
    });
    for (const key of [keys[0]?.key, keys[4]?.key, keys[7]?.key, newKey()]) {
      comparison.mockClear();
      await authenticator.authenticate(key ?? '').catch(() => undefined);
      expect(comparison).toHaveBeenCalledTimes(8);
    }
  });

  it('shares no token id with a signed token', async () => {
    const { key, entry } = issued('a');
    folder.write('api-keys.json', { keys: [entry] });
    const authenticator = await authenticatorOf({ apiKeysFile, jwtSecret: SECRET });
    const tokens = [
      key,
      ...(await Promise.all([{ jti: 'a' }, { jti: 'key:a' }].map((c) => signed(c)))),
    ];
    const ids = await Promise.all(
      tokens.map(async (token) => (await authenticator.authenticate(token)).tokenId),
    );
    expect(ids).toEqual(['key:a', 'jwt:a', 'jwt:key:a']);
  });

  it('is refused where it is not known or expired', async () => {
    const { key, entry } = issued('a');
    const authenticator = await withKeys([{ ...entry, expiresAt: '2020-01-01T00:00:00+01:00' }]);
    expect(await refusal(authenticator, key)).toBe(
      'the API key expired at 2019-12-31T23:00:00.000Z',
    );
    for (const wrong of [newKey(), key.slice(0, -1), `${key}A`, 'tw_', key.toLowerCase()]) {
      expect(await refusal(authenticator, wrong)).toBe('unknown API key');
    }
    expect(await refusal(authenticator, `tw_${'a'.repeat(9000)}`)).toMatch(/at most 8192/);
    expect(await refusal(authenticator, await signed({}))).toBe('only API keys are accepted');
    expect(await refusal(authenticator, key.replace('tw_', ''))).toBe('only API keys are accepted');
    expect(await refusal(await withKeys([]), key)).toBe('unknown API key');
  });

  it('is taken back by reading the file again, and stays while that cannot be read', async () => {
    const [old, next] = [issued('old'), issued('next')];
    const authenticator = await withKeys([old.entry]);
    const before = await authenticator.authenticate(old.key);
    folder.write('api-keys.json', 'not JSON');
    await expect(authenticator.reload()).rejects.toThrow(/^auth.apiKeysFile: .* got invalid JSON$/);
    expect((await authenticator.authenticate(old.key)).subject).toBe('old');
    // Sessions and limits follow the identity: an unchanged key keeps it.
    folder.write('api-keys.json', { keys: [next.entry, old.entry] });
    await authenticator.reload();
    expect(await authenticator.authenticate(old.key)).toBe(before);
    folder.write('api-keys.json', { keys: [next.entry] });
    await authenticator.reload();
    expect(await refusal(authenticator, old.key)).toBe('unknown API key');
    expect((await authenticator.authenticate(next.key)).subject).toBe('next');
  });
});

describe('the current identity of an API key', () => {
  it('is the same object until a reload changes or removes its entry', async () => {
    const [same, changed, gone] = [issued('same'), issued('changed'), issued('gone')];
    const authenticator = await withKeys([same.entry, changed.entry, gone.entry]);
    const keys = [same.key, changed.key, gone.key];
    const before = await Promise.all(keys.map((key) => authenticator.authenticate(key)));
    expect(before.map((identity) => authenticator.current(identity))).toEqual(before);
    folder.write('api-keys.json', { keys: [{ ...changed.entry, operator: true }, same.entry] });
    await authenticator.reload();
    const [first, second, third] = before.map((identity) => authenticator.current(identity));
    expect(first).toBe(before[0]);
    expect(second).toMatchObject({ subject: 'changed', isOperator: true });
    expect(third).toBeUndefined();
    // A replaced identity resolves to its successor.
    expect(authenticator.current(second as Identity)).toBe(second);
  });

  it('of a signed token stays until it expires', async () => {
    folder.write('api-keys.json', { keys: [] });
    for (const auth of [{ jwtSecret: SECRET }, { jwtSecret: SECRET, apiKeysFile }]) {
      const authenticator = await authenticatorOf(auth);
      const identity = await authenticator.authenticate(await signed({}));
      await authenticator.reload();
      expect(authenticator.current(identity)).toBe(identity);
    }
  });
});

describe('a token or API key is not issued', () => {
  const auth = (jwtSecret: string) => parseConfig({ auth: { jwtSecret } }).auth;
  const request = { name: 'a', permissions: {}, lifetimeMs: 1_000 };

  it.each([
    ['without a secret', '', request, /^expected auth.jwtSecret/],
    ['without a lifetime', SECRET, { ...request, lifetimeMs: undefined }, /^expected a lifetime/],
    ['without a name', SECRET, { ...request, name: '' }, /^name: expected a string/],
    ['with odd permissions', SECRET, { ...request, permissions: { x: 1 } }, /^"x": unknown/],
    [
      'with more patterns than a token holds',
      SECRET,
      { ...request, permissions: { read: Array.from({ length: 999 }, (_, i) => `SYMBOL-${i}`) } },
      /at most 8192 characters, got \d+$/,
    ],
  ])('%s', async (_what, secret, given, message) => {
    const outcome: unknown = await issueToken(auth(secret), given).catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(IssueError);
    expect((outcome as IssueError).message).toMatch(message);
  });

  it('with the name or the permissions of no API key', () => {
    expect(() => issueApiKey({ ...request, name: 'a\nb' })).toThrow(IssueError);
    expect(() => issueApiKey({ ...request, permissions: { read: '*' } })).toThrow(IssueError);
  });

  it('but one that is, is accepted, and claims what the configuration demands', async () => {
    const demanded = { jwtSecret: SECRET, issuer: 'us', audience: 'tickwire' };
    const token = await issueToken(parseConfig({ auth: demanded }).auth, request);
    const identity = await (await authenticatorOf(demanded)).authenticate(token);
    expect(identity).toMatchObject({ subject: 'a', isOperator: false });
    const other = await authenticatorOf({ ...demanded, audience: 'another' });
    expect(await refusal(other, token)).toMatch(/^claim "aud"/);
  });
});

describe('a start fails for a file of API keys', () => {
  const hash = hashOf(newKey());
  const key = newKey();
  it.each([
    ['that is no JSON', '{"keys": [', /got invalid JSON$/],
    [
      'that is an array',
      [],
      /^the document: expected an object {"keys": \[\.\.\.\]}, got an empty array$/,
    ],
    ['with more members', { keys: [], more: 1 }, /^"more": unknown, expected an object/],
    ['with odd keys', { keys: 5 }, /^keys: expected an array of keys, got 5$/],
    [
      'with a text as a key',
      { keys: [key] },
      /^keys\[0\]: expected an object with an id and a hash/,
    ],
    ['without an id', { keys: [{ hash }] }, /^keys\[0\].id: expected a string .* got nothing$/],
    [
      'without a hash',
      { keys: [{ id: 'a' }] },
      /^keys\[0\].hash: .* 64 hexadecimal digits, got nothing$/,
    ],
    [
      'with a key instead of a hash',
      { keys: [{ id: 'a', hash: key }] },
      /^keys\[0\].hash: expected/,
    ],
    ['with an unknown member', { keys: [{ id: 'a', hash, key }] }, /^"keys\[0\].key": unknown/],
    [
      'with a bad pattern',
      { keys: [{ id: 'a', hash, read: [5] }] },
      /^keys\[0\].read\[0\]: .* got 5$/,
    ],
    [
      'with a bad time',
      { keys: [{ id: 'a', hash, expiresAt: '1 May' }] },
      /expiresAt: .* got "1 May"$/,
    ],
    [
      'with an id twice',
      {
        keys: [
          { id: 'a', hash },
          { id: 'a', hash: hashOf(key) },
        ],
      },
      /^keys\[1\].id/,
    ],
    [
      'with a hash twice',
      {
        keys: [
          { id: 'a', hash },
          { id: 'b', hash },
        ],
      },
      /^keys\[1\].hash: .* another/,
    ],
  ])('%s', async (_what, content, message) => {
    folder.write('api-keys.json', content);
    const outcome: unknown = await authenticatorOf({ apiKeysFile }).catch(
      (error: unknown) => error,
    );
    expect(outcome).toBeInstanceOf(KeyFileError);
    const text = (outcome as KeyFileError).message;
    const start = `auth.apiKeysFile: ${apiKeysFile}: `;
    expect(text.slice(0, start.length)).toBe(start);
    expect(text.slice(start.length)).toMatch(message);
    expect(text).not.toContain(key);
    expect(text).not.toContain(hash.slice(7));
  });
});
