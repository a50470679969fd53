import { getHeapStatistics } from 'node:v8';
import type { Target } from './target.ts';

/** The longest that reading one input may take, ms: the event loop stands still for it. */
export const EXECUTION_MS_MAX = 100;
/** What reading an input may allocate, bytes: a part of its own size each, and a part at any size. */
const ALLOCATED_MAX = 32 * 2 ** 20;
const ALLOCATED_EACH_MAX = 512;
/** A measurement that is too high is repeated this often: the machine may have been busy. */
const REPETITIONS = 5;

/**
 * Reads an input once, or more often where the first time looks too slow or too greedy.
 *
 * @returns what is wrong, in words; undefined when nothing is
 */
export function findFault(target: Target, input: Uint8Array): string | undefined {
  let ms = Number.POSITIVE_INFINITY;
  let bytes = Number.POSITIVE_INFINITY;
  const bytesMax = ALLOCATED_MAX + ALLOCATED_EACH_MAX * input.length;
  for (let i = 0; i < REPETITIONS; i++) {
    const bytesBefore = allocated();
    const before = performance.now();
    try {
      target.execute(input);
    } catch (error) {
      return describe(error);
    }
    ms = Math.min(ms, performance.now() - before);
    bytes = Math.min(bytes, allocated() - bytesBefore);
    if (ms <= EXECUTION_MS_MAX && bytes <= bytesMax) return undefined;
  }
  if (ms > EXECUTION_MS_MAX)
    return `took ${ms.toFixed(0)} ms, at most ${EXECUTION_MS_MAX} are good`;
  return `allocated ${bytes} bytes for an input of ${input.length}`;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  const place = /\n\s+at (.*)/.exec(error.stack ?? '')?.[1] ?? 'nowhere';
  return `${error.name}: ${error.message.slice(0, 500)} (${place})`;
}

/** Bytes that this thread holds; garbage counts until it is collected. */
function allocated(): number {
  const { used_heap_size, external_memory, malloced_memory } = getHeapStatistics();
  return used_heap_size + external_memory + malloced_memory;
}
