import { execFile, execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { findProgram } from '../support/example-process.ts';
import { folderForSuite } from '../support/folders.ts';
import { type PytestCase, readPytestReport, testFunctions } from '../support/pytest-run.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CLIENT = join(ROOT, 'clients/python');
const TESTS = join(CLIENT, 'tests');
const CHECK = 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))';
/** A minute on two idle cores. */
const PREPARATION_MS = 1_200_000;

const python = findProgram('python3', (path) => {
  try {
    execFileSync(path, ['-c', CHECK], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});
if (python === undefined) {
  const needed = 'python3, 3.10 or newer, with venv and ensurepip (Debian: python3-venv)';
  process.stderr.write(`\n*** NOT TESTED: the Python client, which needs ${needed}. ***\n`);
}

const folder = folderForSuite();
const bin = join(folder, 'venv/bin');

interface Outcome {
  readonly succeeded: boolean;
  readonly output: string;
}

/** Runs a program of the virtual environment in the client's folder. */
async function tool(program: string, ...args: readonly string[]): Promise<Outcome> {
  const { VIRTUAL_ENV: _, PYTHONPATH: __, ...inherited } = process.env;
  const env = { ...inherited, PYTHONDONTWRITEBYTECODE: '1', PIP_DISABLE_PIP_VERSION_CHECK: '1' };
  const options = { cwd: CLIENT, env, maxBuffer: 64 * 1024 * 1024, timeout: PREPARATION_MS };
  try {
    const { stdout, stderr } = await run(join(bin, program), args, options);
    return { succeeded: true, output: stdout + stderr };
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as Error & Record<string, string>;
    return { succeeded: false, output: `${message}\n${stdout}${stderr}` };
  }
}

async function prepared(program: string, ...args: readonly string[]): Promise<void> {
  const { succeeded, output } = await tool(program, ...args);
  if (!succeeded) throw new Error(output);
}

/** The wheel, the source distribution, and what the tools say of them. */
describe.skipIf(python === undefined && !process.env.CI)('the Python client', () => {
  let packages: readonly string[] = [];
  let types: Outcome;
  let lint: Outcome;
  let tests: Outcome;
  let cases: readonly PytestCase[] = [];

  beforeAll(async () => {
    await run(python ?? 'python3', ['-m', 'venv', join(folder, 'venv')]);
    await prepared('pip', 'install', '-q', '--no-deps', '-r', 'requirements-dev.txt');
    await prepared('python', '-m', 'build', '-q', '--no-isolation', '--outdir', folder, '.');
    packages = readdirSync(folder).filter((name) => name.startsWith('tickwire-'));
    const wheel = packages.find((name) => name.endsWith('.whl')) ?? 'no wheel';
    // With its dependencies: the pinned ones must be within the ranges that the wheel names.
    await prepared('pip', 'install', '-q', '--no-index', join(folder, wheel));
    const report = join(folder, 'report.xml');
    [tests, types, lint] = await Promise.all([
      tool('pytest', '-q', '-n', '2', '-p', 'no:cacheprovider', `--junitxml=${report}`),
      tool('mypy', `--cache-dir=${join(folder, 'mypy')}`),
      tool('ruff', 'check', '--no-cache').then(async (checked) =>
        checked.succeeded ? tool('ruff', 'format', '--no-cache', '--check') : checked,
      ),
    ]);
    cases = readPytestReport(report);
  }, PREPARATION_MS);

  it('is built as a wheel and as a source distribution', async () => {
    expect(packages.map((name) => name.replace(/[\d.]+(?=-|\.tar)/, '')).sort()).toEqual([
      'tickwire--py3-none-any.whl',
      'tickwire-.tar.gz',
    ]);
    const { output } = await tool('python', '-c', 'import tickwire; print(tickwire.__file__)');
    expect(output).toContain(join(folder, 'venv'));
  });

  it('passes mypy --strict', () => {
    expect(types.succeeded, types.output).toBe(true);
  });

  it('passes ruff', () => {
    expect(lint.succeeded, lint.output).toBe(true);
  });

  it('has no test that pytest alone knows', () => {
    const known = testFiles().flatMap(({ file, names }) => names.map((name) => `${file} ${name}`));
    expect(new Set(cases.map(({ file, name }) => `${file} ${name}`))).toEqual(new Set(known));
  });

  for (const { file, names } of testFiles()) {
    describe(`${file}.py`, () => {
      it.each(names)('%s', (name) => {
        const found = cases.filter((each) => each.file === file && each.name === name);
        expect(found.length, tests.output).toBeGreaterThan(0);
        expect(found.flatMap(({ failure }) => failure ?? [])).toEqual([]);
      });
    });
  }
});

function testFiles(): readonly { readonly file: string; readonly names: readonly string[] }[] {
  return readdirSync(TESTS)
    .filter((name) => name.startsWith('test_'))
    .map((name) => ({ file: name.replace('.py', ''), names: testFunctions(join(TESTS, name)) }));
}
