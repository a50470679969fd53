import { execFile } from 'node:child_process';
import { afterAll, describe, expect, it } from 'vitest';
import { programArgs } from '../../testkit/managed-process.ts';
import { eventually } from '../../testkit/until.ts';
import { ConfigFolder } from '../support/folders.ts';
import { serverProcessForTest } from '../support/running-server.ts';
import { signed } from '../support/tokens.ts';

const SECRET = 'Zq7-never-to-be-seen-anywhere-at-all';
/** Parts reveal it as well. */
const PARTS = ['Zq7', 'never-to-be-seen', 'anywhere'];

const folder = new ConfigFolder();
afterAll(() => folder[Symbol.dispose]());

function expectNoSecret(text: string): void {
  for (const part of PARTS) expect(text).not.toContain(part);
}

/** Runs the program in the folder: exit code and output. */
function run(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly exit: unknown; readonly output: string }> {
  const words = [...programArgs('src/main'), ...args];
  const options = { cwd: folder.path, env: { PATH: process.env.PATH, ...env } };
  return new Promise((resolve) => {
    execFile(process.execPath, words, options, (error, stdout, stderr) => {
      resolve({ exit: error?.code ?? 0, output: stdout + stderr });
    });
  });
}

describe('a secret of the configuration', () => {
  folder.write('good.json', { auth: { jwtSecret: SECRET } });
  folder.write('short.json', { auth: { jwtSecret: 'Zq7' } });
  folder.write('object.json', { auth: { jwtSecret: { value: SECRET } } });
  folder.write('list.json', { auth: { jwtSecret: [SECRET] } });

  it.each([
    ['a file', ['--config=good.json'], {}],
    ['the environment', [], { TICKWIRE_AUTH_JWT_SECRET: SECRET }],
    ['a flag', [`--auth.jwtSecret=${SECRET}`], {}],
    ['a flag of two words', ['--auth.jwtSecret', SECRET], {}],
  ])('from %s is not printed by --print-config', async (_from, flags, env) => {
    const { exit, output } = await run(['--print-config', ...flags], env);
    expect([exit, output]).toEqual([0, expect.stringMatching(/jwtSecret +\(set, not shown\)/)]);
    expectNoSecret(output);
  });

  it.each([
    ['a short one in a file', ['--config=short.json'], {}, 'at least 32'],
    ['an object in a file', ['--config=object.json'], {}, 'at least 32'],
    ['a list in a file', ['--config=list.json'], {}, 'at least 32'],
    ['a short one in the environment', [], { TICKWIRE_AUTH_JWT_SECRET: 'Zq7' }, 'at least 32'],
    ['a short one as a flag', ['--auth.jwtSecret=Zq7'], {}, 'at least 32'],
    [
      'one with dashes in front',
      ['--auth.jwtSecret', `--${SECRET}`],
      {},
      'flag after the value of',
    ],
    ['one with a space', ['--auth.jwtSecret', 'x', SECRET], {}, 'after the value of a secret'],
    ['one of a misspelt flag', [`--auth.jwtSecert=${SECRET}`], {}, 'did you mean --auth.jwtSecret'],
    ['one of a misspelt variable', [], { TICKWIRE_AUTH_JWTSECRET: SECRET }, 'unknown variable'],
  ])('is not echoed where it is at fault: %s', async (_which, flags, env, message) => {
    const { exit, output } = await run(flags, env);
    expect([exit, output]).toEqual([2, expect.stringContaining(message)]);
    expectNoSecret(output);
  });

  it('is in no log line at the finest level, nor is a token', async () => {
    const server = await serverProcessForTest(['--log.level=trace', `--auth.jwtSecret=${SECRET}`]);
    const claims = { sub: 'Otto', tickwire: { read: ['*'], operator: true } };
    const good = await signed(claims, SECRET);
    const bad = await signed(claims, `${SECRET}, but another`);
    const statusWith = async (token: string) => {
      const headers = { authorization: `Bearer ${token}` };
      const url = `http://127.0.0.1:${server.port}/api/statistics`;
      return (await fetch(url, { headers })).status;
    };
    expect([await statusWith(good), await statusWith(bad)]).toEqual([200, 401]);
    server.kill('SIGTERM');
    expect(await server.exited).toBe(0);
    await eventually(
      async () => server.output,
      (output) => output.includes('"stopped"'),
    );
    expectNoSecret(server.output);
    for (const token of [good, bad]) {
      for (const part of token.split('.').slice(1)) expect(server.output).not.toContain(part);
    }
    // The refusal was logged: there is something to see.
    expect(server.output).toContain('the signature matches no known key');
  });
});
