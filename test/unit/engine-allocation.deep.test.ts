import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

/** A boxed double takes 16 bytes; a batch and the measurement itself take below 1 a tick. */
const BYTES_PER_TICK_MAX = 8;

it('makes no object for a tick, from the queue to the taken anomaly', () => {
  const program = fileURLToPath(new URL('../support/measure-allocation.ts', import.meta.url));
  // No collection while it is measured: the young generation holds it all.
  const heap = ['--min-semi-space-size=128', '--max-semi-space-size=256'];
  const output = execFileSync(
    process.execPath,
    ['--expose-gc', ...heap, '--import', 'tsx', program],
    { encoding: 'utf8' },
  );
  const { bytesPerTick, raised } = JSON.parse(output) as { bytesPerTick: number; raised: number };
  expect(raised).toBeGreaterThan(1000);
  expect(bytesPerTick).toBeGreaterThan(-1);
  expect(bytesPerTick).toBeLessThan(BYTES_PER_TICK_MAX);
});
