import { getHeapStatistics } from 'node:v8';
import { type Case, WARM_UP_MS_MIN, warmUp } from './case.ts';
import { CollectionWatch } from './collection-watch.ts';

const ROUNDS = 7;
/** A round ends at this much, far below the young generation. */
const ROUND_BYTES_MAX = 32 * 1024 * 1024;
/** Rounds disturbed by garbage collection are repeated, at most this often. */
const ATTEMPTS_MAX = 4 * ROUNDS;
const READINGS = 3;
const readings = new Float64Array(READINGS);

/**
 * Heap and external bytes an operation: the median of several rounds, since the optimizer's own
 * work shows in some.
 *
 * Needs --expose-gc, a young generation that holds a round, and --no-concurrent-recompilation:
 * otherwise inlining, and thus boxing of doubles, depends on the compiler's speed and varies
 * between runs.
 *
 * @throws Error when garbage collections disturb too many rounds
 */
export async function measureAllocation(measured: Case, timeMs: number): Promise<number> {
  const collections = new CollectionWatch();
  warmUp(measured, Math.max(timeMs, WARM_UP_MS_MIN));
  // Without preparation, readings can be rare.
  const runsAtOnce =
    measured.prepare === undefined ? Math.ceil(warmUp(measured, timeMs / ROUNDS) / 4) : 1;
  const rounds: number[] = [];
  for (let attempt = 0; rounds.length < ROUNDS && attempt < ATTEMPTS_MAX; attempt++) {
    globalThis.gc?.();
    const start = performance.now();
    const bytes = measureRound(measured, runsAtOnce, timeMs / ROUNDS);
    const end = performance.now();
    await collections.settle();
    if (!collections.anyBetween(start, end)) rounds.push(bytes);
  }
  collections.stop();
  if (rounds.length < ROUNDS) {
    throw new Error(`garbage was collected in all but ${rounds.length} of ${ATTEMPTS_MAX} rounds`);
  }
  // Readings are off by a few bytes either way.
  return Math.max(0, rounds.toSorted((a, b) => a - b)[ROUNDS >> 1] as number);
}

/** Three readings: the first two, with nothing between, show what a reading itself allocates. */
function measureRound(
  { operations, run, prepare }: Case,
  runsAtOnce: number,
  wallMs: number,
): number {
  const end = performance.now() + wallMs;
  let bytes = 0;
  let runs = 0;
  do {
    prepare?.();
    for (let reading = 0; reading < READINGS; reading++) {
      const runsBefore = reading === READINGS - 1 ? runsAtOnce : 0;
      for (let i = 0; i < runsBefore; i++) run();
      const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
      readings[reading] = heap + external;
    }
    const [first, second, last] = readings as unknown as [number, number, number];
    bytes += last - second - (second - first);
    runs += runsAtOnce;
  } while (performance.now() < end && bytes < ROUND_BYTES_MAX);
  return bytes / (runs * operations);
}
