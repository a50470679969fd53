import { execFile } from 'node:child_process';
import { afterAll, describe, expect, it } from 'vitest';
import { programArgs } from '../../testkit/managed-process.ts';
import { ConfigFolder } from '../support/folders.ts';
import { authenticatorOf, SECRET } from '../support/tokens.ts';

const folder = new ConfigFolder();
afterAll(() => folder[Symbol.dispose]());

interface Outcome {
  readonly exit: number | string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program in the folder. */
function run(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...programArgs('src/main'), ...args],
      { cwd: folder.path, env: { PATH: process.env.PATH, ...env } },
      (error, stdout, stderr) => resolve({ exit: error?.code ?? 0, stdout, stderr }),
    );
  });
}

const ENVIRONMENT = { TICKWIRE_AUTH_JWT_SECRET: SECRET };

describe('tickwire token', () => {
  it('prints a token that the server of this configuration accepts', async () => {
    const auth = { jwtSecret: SECRET, issuer: 'us', audience: 'tickwire' };
    folder.write('tokens.json', { auth });
    const flags = ['--subject=feed', '--publish=BTC-*,ETH-USD', '--tenant', 'acme', '--expires=2h'];
    const { exit, stdout, stderr } = await run(['token', ...flags, '--config', 'tokens.json']);
    expect([exit, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const identity = await (await authenticatorOf(auth)).authenticate(stdout.trim());
    expect(identity).toMatchObject({ subject: 'feed', tenant: 'acme', isOperator: false });
    expect(identity.publish.patterns).toEqual(['BTC-*', 'ETH-USD']);
    expect(identity.read.patterns).toEqual([]);
    const lifetimeMs = identity.expiresAt - Date.now();
    expect(lifetimeMs).toBeGreaterThan(7_000_000);
    expect(lifetimeMs).toBeLessThanOrEqual(7_206_000);
  });

  it.each([
    [['--subject', 'a'], {}, /^tickwire token: expected auth.jwtSecret.* got nothing\n$/],
    [
      ['--subject', 'a', '--tenant', 'a b'],
      ENVIRONMENT,
      /^tickwire token: tenant: .* got "a b"\n$/,
    ],
    [['--subject', 'a', '--read', 'A,,B'], ENVIRONMENT, /^tickwire token: read\[1\]: .* got ""\n$/],
    [['--subject', 'x'.repeat(129)], ENVIRONMENT, /^tickwire token: name: expected a string/],
    [['--subject', 'a', '--ticksPerSecond=0'], ENVIRONMENT, /ticksPerSecond: .* got 0\n$/],
    [['--expires', 'soon', '--subject', 'a'], ENVIRONMENT, /^tickwire token:\n {2}--expires: /],
    [
      ['--subject', 'a', '--read', Array.from({ length: 999 }, (_, i) => `SYMBOL-${i}`).join(',')],
      ENVIRONMENT,
      /^tickwire token: expected .* at most 8192 characters, got \d+\n$/,
    ],
  ])('says why it cannot, and ends with 2: %j', async (flags, env, message) => {
    const { exit, stdout, stderr } = await run(['token', ...flags], env);
    expect([exit, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain(SECRET);
  });
});

describe('tickwire api-key', () => {
  it('prints a key, and apart from it the entry with which a server accepts it', async () => {
    const { exit, stdout, stderr } = await run([
      'api-key',
      '--id=reader',
      '--read=*',
      '--operator',
    ]);
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^tw_[\w-]{43}\n$/);
    const [explanation, entry = '', ...more] = stderr.split('\n');
    expect(explanation).toContain('auth.apiKeysFile');
    expect(more).toEqual(['']);
    expect(entry).not.toContain(stdout.trim());
    folder.write('api-keys.json', `{"keys": [${entry}]}`);
    const authenticator = await authenticatorOf({ apiKeysFile: `${folder.path}/api-keys.json` });
    expect(await authenticator.authenticate(stdout.trim())).toMatchObject({
      subject: 'reader',
      isOperator: true,
      read: { isAll: true },
    });
  });

  it('says why it cannot, and ends with 2', async () => {
    const { exit, stdout, stderr } = await run(['api-key', '--id', 'a', '--publish', 'A ']);
    expect([exit, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^tickwire api-key: publish\[0\]: .* got "A "\n$/);
  });
});
