import { arch } from 'node:os';

// x86 never lets a later load overtake an earlier one; other processors do, unless a read-modify-write stands between.
const LOADS_STAY_IN_ORDER = arch() === 'x64' || arch() === 'ia32';

/**
 * Reads a shared word such that no plain read before this call can take effect after it: the closing check of a seqlock
 * reader and of a ring consumer that may be lapped. Never changes the word.
 */
export function loadAfterReads(words: Int32Array, index: number): number {
  return LOADS_STAY_IN_ORDER ? Atomics.load(words, index) : Atomics.add(words, index, 0);
}
