import { arch } from 'node:os';

/*
 * Order between threads where each access by itself would be too dear to be atomic: once or twice a tick.
 *
 * x86 keeps loads in order, and stores in order; only a load may overtake an earlier store, unless a locked instruction
 * stands between. Other processors reorder more, and get atomic accesses here. (V8 never reorders accesses to typed
 * arrays itself.)
 */
const STAY_IN_ORDER = arch() === 'x64' || arch() === 'ia32';

const scratch = new Int32Array(1);

/**
 * Reads a shared word such that no plain read before this call can take effect after it: the closing check of a seqlock
 * reader and of a ring consumer that may be lapped. Never changes the word.
 */
export function loadAfterReads(words: Int32Array, index: number): number {
  return STAY_IN_ORDER ? Atomics.load(words, index) : Atomics.add(words, index, 0);
}

/** Writes a shared word such that no plain write after this call can take effect before it: the opening of a seqlock. */
export function storeBeforeWrites(words: Int32Array, index: number, value: number): void {
  if (STAY_IN_ORDER) words[index] = value;
  else Atomics.exchange(words, index, value);
}

/** Writes a shared word such that no plain write before this call can take effect after it: the closing of a seqlock. */
export function storeAfterWrites(words: Int32Array, index: number, value: number): void {
  if (STAY_IN_ORDER) words[index] = value;
  else Atomics.store(words, index, value);
}

/**
 * What this thread wrote before with {@link storeAfterWrites} is there for all threads before an `Atomics.load` after
 * this call reads anything.
 */
export function fence(): void {
  if (STAY_IN_ORDER) Atomics.exchange(scratch, 0, 0);
}
