import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ALL_CASES } from '../../bench/micro/all-cases.ts';
import { type Comparison, readBaseline } from '../../bench/micro/baseline.ts';
import { folderForSuite } from '../support/folders.ts';

const ROOT = join(import.meta.dirname, '../..');
const BASELINE = join(ROOT, 'bench/micro/baseline.json');

const folder = folderForSuite();

describe('npm run bench:micro', () => {
  /** Runs it briefly; returns exit status and output. */
  function run(...flags: readonly string[]): { status: number; comparisons: Comparison[] } {
    return runNode([], flags);
  }

  function runNode(nodeFlags: readonly string[], flags: readonly string[]) {
    const json = join(folder, 'found.json');
    const program = join(ROOT, 'dist/bench/micro/main.js');
    let status = 0;
    try {
      const args = [
        ...nodeFlags,
        program,
        '--time-ms',
        '20',
        '--pairs',
        '1',
        '--json',
        json,
        ...flags,
      ];
      execFileSync(process.execPath, args, { cwd: ROOT, stdio: 'pipe' });
    } catch (error) {
      ({ status } = error as { status: number });
    }
    const { comparisons } = JSON.parse(readFileSync(json, 'utf8')) as {
      comparisons: Comparison[];
    };
    return { status, comparisons };
  }

  it('finds nothing allocated by what promises so, and runs what does not', () => {
    const names = ALL_CASES.filter(
      ({ name, allocatesNothing }) => allocatesNothing || /1 a frame|alias|out of step/.test(name),
    ).map(({ name }) => name);
    const { comparisons } = run('--baseline', 'none', '--only', `^(${names.join('|')})$`);
    expect(comparisons.map(({ name }) => name)).toEqual(names);
    const failures = comparisons.map(({ name, failure }) => failure && `${name}: ${failure}`);
    expect(failures.filter((failure) => failure !== undefined)).toEqual([]);
    for (const { medianNs } of comparisons) expect(medianNs).toBeGreaterThan(0);
  }, 300_000);

  it('finds no number boxed in a tick’s statistics and entry, even if no call is inlined', () => {
    // Each version of Node inlines other calls; this is the worst of them.
    const cases = '^(ring|partition: apply a tick, 100 symbols|dirty set|entry)';
    const flags = ['--baseline', 'none', '--only', cases];
    const { comparisons } = runNode(['--no-turbo-inlining'], flags);
    expect(comparisons.map(({ name }) => name)).toContain('entry: encode a delta');
    for (const { name, bytes } of comparisons)
      expect(`${name}: ${Math.round(bytes)}`).toMatch(/: 0$/);
  }, 120_000);

  it('ends with status 1 when something allocates more than before', () => {
    const baseline = join(folder, 'thrifty.json');
    const name = 'frame: decode a tick, 1 a frame';
    // Below zero by more than the tolerance: any case allocates more.
    const stored = readBaseline(BASELINE);
    const results = stored.results.map((each) => ({ ...each, bytes: -100 }));
    writeFileSync(baseline, JSON.stringify({ ...stored, results }));
    const { status, comparisons } = run('--baseline', baseline, '--only', name);
    expect(comparisons).toHaveLength(1);
    expect(comparisons[0]?.failure).toMatch(/^allocates .* and -100 before$/);
    expect(status).toBe(1);
  });
});
