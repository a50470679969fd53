import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const MAIN = new URL('../../dist/simulation/main.js', import.meta.url).pathname;

/** A run in a process of its own, as it replaces the clocks of the one it is in. */
async function simulate(seed: number, steps: number): Promise<string> {
  const args = [MAIN, '--seed', String(seed), '--steps', String(steps)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return stdout;
}

describe('the simulation', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('finds nothing wrong, seed %i', async (seed) => {
    expect(await simulate(seed, 60_000)).toContain('everything agreed');
  });

  it('is the same run for the same seed, and another for another', async () => {
    const traceOf = (text: string) => /trace (\w+)/.exec(text)?.[1];
    const [first, again, other] = await Promise.all([
      simulate(11, 20_000),
      simulate(11, 20_000),
      simulate(12, 20_000),
    ]);
    expect(traceOf(first)).toBeDefined();
    expect(traceOf(again)).toBe(traceOf(first));
    expect(traceOf(other)).not.toBe(traceOf(first));
  });
});
