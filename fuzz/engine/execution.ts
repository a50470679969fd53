import { getHeapStatistics } from 'node:v8';
import type { Target } from './target.ts';

/** The longest that reading one input may take, ms: the event loop stands still for it. */
const EXECUTION_MS_MAX = 100;
/**
 * What reading an input may allocate, bytes: a part of its own size each, and a part at any size.
 */
const ALLOCATED_MAX = 32 * 2 ** 20;
const ALLOCATED_EACH_MAX = 512;
/** A measurement that is too high is repeated this often: the machine may have been busy. */
const REPETITIONS = 5;

/** What is wrong with how an input was read. */
export interface Fault {
  readonly text: string;
  /** The same for faults that have one cause, as far as that can be told. */
  readonly kind: string;
}

/**
 * Reads an input once, or more often where the first time looks too slow or too greedy. Time counts
 * as what both the clock and the processor say: other programs may be busy, and so may other
 * threads of this one.
 *
 * @returns undefined when nothing is wrong
 */
export function findFault(target: Target, input: Uint8Array): Fault | undefined {
  let ms = Number.POSITIVE_INFINITY;
  let bytes = Number.POSITIVE_INFINITY;
  const bytesMax = ALLOCATED_MAX + ALLOCATED_EACH_MAX * input.length;
  for (let i = 0; i < REPETITIONS; i++) {
    const bytesBefore = allocated();
    const processorBefore = process.cpuUsage();
    const before = performance.now();
    try {
      target.execute(input);
    } catch (error) {
      return describe(error);
    }
    ms = Math.min(ms, performance.now() - before);
    if (ms > EXECUTION_MS_MAX) ms = Math.min(ms, processorMs(processorBefore));
    bytes = Math.min(bytes, allocated() - bytesBefore);
    if (ms <= EXECUTION_MS_MAX && bytes <= bytesMax) return undefined;
  }
  if (ms > EXECUTION_MS_MAX) {
    return { kind: 'time', text: `took ${ms.toFixed(0)} ms, at most ${EXECUTION_MS_MAX} are good` };
  }
  return { kind: 'memory', text: `allocated ${bytes} bytes for an input of ${input.length}` };
}

function processorMs(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function describe(error: unknown): Fault {
  if (!(error instanceof Error)) return { kind: 'thrown', text: `threw ${String(error)}` };
  const { name, message, stack = '' } = error;
  // The first call in code of ours: what is below it is Node's.
  const place = /at [^\n]*\/((?:src|fuzz)\/[^\n)]*)/.exec(stack)?.[1] ?? 'nowhere';
  return { kind: `${name} ${place}`, text: `${name}: ${message.slice(0, 500)} (${place})` };
}

/** Bytes that this thread holds; garbage counts until it is collected. */
function allocated(): number {
  const { used_heap_size, external_memory, malloced_memory } = getHeapStatistics();
  return used_heap_size + external_memory + malloced_memory;
}
