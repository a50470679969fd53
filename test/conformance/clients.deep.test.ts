import { execFile, execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { CHECKS } from '../../conformance/all-checks.ts';
import { runKit } from '../support/conformance-kit.ts';
import { findProgram } from '../support/example-process.ts';
import { folderForTest } from '../support/folders.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
const ALL = CHECKS.map(({ name }) => name);

const python = findProgram('python3', (path) => {
  try {
    execFileSync(path, ['-c', 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))']);
    return true;
  } catch {
    return false;
  }
});
if (python === undefined) {
  const needed = 'python3, 3.11 or newer, with venv and ensurepip (Debian: python3-venv)';
  process.stderr.write(`\n*** NOT TESTED: the kit over the Python client: ${needed}. ***\n`);
}

/** The command of a new Python that has what the client needs, in its tested versions. */
async function pythonCommand(folder: string): Promise<string> {
  await run(python ?? 'python3', ['-m', 'venv', folder]);
  const pinned = readFileSync(join(ROOT, 'clients/python/requirements-dev.txt'), 'utf8');
  const needed = pinned.split('\n').filter((line) => /^(?:msgpack|websockets)==/.test(line));
  const pip = ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--no-deps'];
  await run(join(folder, 'bin/python'), [...pip, ...needed]);
  return `PYTHONPATH=clients/python/src ${join(folder, 'bin/python')} -B`;
}

it('the TypeScript SDK keeps every promise', { timeout: 300_000 }, async () => {
  const report = await runKit('node conformance/clients/typescript.mjs');
  expect(report).toEqual({ kept: ALL, broken: {}, notSupported: [] });
});

it('the shim of the page keeps all that it serves', { timeout: 300_000 }, async () => {
  const page = readFileSync(join(ROOT, 'docs/CONFORMANCE.md'), 'utf8');
  const [, code = ''] = /```js shim\n(.*?)```/s.exec(page) ?? [];
  const sdk = JSON.stringify(join(ROOT, 'client-sdk/dist/index.js'));
  const shim = join(folderForTest(), 'shim.mjs');
  writeFileSync(shim, code.replace("'@tickwire/client'", sdk));
  const { kept, broken, notSupported } = await runKit(`node ${shim}`);
  expect(broken).toEqual({});
  expect(kept.length).toBeGreaterThan(35);
  expect(kept.length + notSupported.length).toBe(ALL.length);
});

it.skipIf(python === undefined && !process.env.CI)(
  'the Python client keeps every promise',
  { timeout: 600_000 },
  async () => {
    const command = await pythonCommand(join(folderForTest(), 'venv'));
    const report = await runKit(`${command} conformance/clients/python.py`);
    expect(report).toEqual({ kept: ALL, broken: {}, notSupported: [] });
  },
);

it('the command line names what is wrong with it, and what there is', async () => {
  const kit = (...args: string[]) =>
    run(process.execPath, ['dist/conformance/main.js', ...args], { cwd: ROOT });
  const { stdout } = await kit('--list', '--role', 'publisher');
  expect(stdout.split('\n').map((line) => line.split(' ')[0])).toContain('once-over-kill');
  const failed = kit('--client', 'true', '--only', 'verfy-*');
  await expect(failed).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no promise is named "verfy-*"') as string,
  });
  await expect(kit('--client', 'exit 3', '--only', 'subprotocol')).rejects.toMatchObject({
    code: 1,
    stdout: expect.stringContaining('a client that ended with 3') as string,
  });
});
