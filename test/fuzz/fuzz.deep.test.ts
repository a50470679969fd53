import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { findFault } from '../../fuzz/engine/execution.ts';
import { TARGETS } from '../../fuzz/targets/targets.ts';
import { folderForSuite } from '../support/folders.ts';

const ROOT = join(import.meta.dirname, '../..');
const FINDINGS = join(ROOT, 'fuzz/findings');
const run = promisify(execFile);

function runNode(...args: readonly string[]): Promise<{ readonly stdout: string }> {
  return run(process.execPath, [...args], { cwd: ROOT });
}

/** Inputs that once broke something. */
const inputs = Object.keys(TARGETS).flatMap((target) => {
  try {
    return readdirSync(join(FINDINGS, target)).map((name) => [target, name] as const);
  } catch {
    return [];
  }
});

describe('what the fuzzer found', () => {
  it('is kept', () => {
    expect(inputs.length).toBeGreaterThanOrEqual(9);
  });

  it.each(inputs)('in %s is right now: %s', (name, file) => {
    const target = TARGETS[name]?.();
    if (target === undefined) throw new Error(`there is no target ${name}`);
    const fault = findFault(target, readFileSync(join(FINDINGS, name, file)));
    target.close?.();
    expect(fault).toBeUndefined();
  });
});

describe('the fuzzer', () => {
  const folder = folderForSuite();
  const fuzz = (...args: readonly string[]) =>
    runNode('dist/fuzz/main.js', '--findings', folder, ...args);

  it.each(Object.keys(TARGETS))('finds nothing wrong with %s, seed 7', async (target) => {
    const { stdout } = await fuzz(
      '--seed',
      '7',
      '--minutes',
      '0.5',
      '--executions',
      '300',
      '--target',
      target,
    );
    expect(stdout).toMatch(/seed 7, .*\n.*: [\d,]+ executions.*\nnothing was found\n$/);
  });

  it.each(['sockets-node', 'sockets-uws'])(
    'finds nothing wrong with %s, seed 7',
    async (target) => {
      const { stdout } = await fuzz(
        '--seed',
        '7',
        '--minutes',
        '0.3',
        '--executions',
        '8',
        '--target',
        target,
      );
      expect(stdout).toMatch(/8 scripts of \d+ connections.*\nnothing was found\n$/);
    },
  );

  it('is led by coverage to a fault that chance would not find', async () => {
    const { stdout } = await runNode('test/fuzz/planted-faults.mjs', '3', '200000');
    expect(stdout).toContain('TypeError: planted');
  });

  it('refuses what is not on its command line', async () => {
    await expect(fuzz('--target', 'nothing')).rejects.toMatchObject({ code: 2 });
    await expect(fuzz('--minutes', '0')).rejects.toMatchObject({ code: 2 });
  });

  it('plays a finding again, and says so by its exit code', async () => {
    const good = join(FINDINGS, 'server-frames/nested-without-end');
    expect((await fuzz('--replay', good)).stdout).toContain('nothing is wrong');
    const strange = join(folder, 'strange');
    writeFileSync(strange, '');
    await expect(fuzz('--replay', strange)).rejects.toMatchObject({ code: 2 });
  });
});
