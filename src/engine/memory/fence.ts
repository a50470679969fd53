import { arch } from 'node:os';

/*
 * Memory ordering where making every access atomic would be too expensive: once or twice a tick.
 *
 * x86 keeps loads in order and stores in order; only a load may overtake an earlier store, unless a
 * locked instruction is between them. Other processors reorder more and get atomic accesses here.
 * (V8 itself never reorders accesses to typed arrays.)
 */
const STAY_IN_ORDER = arch() === 'x64' || arch() === 'ia32';

const scratch = new Int32Array(1);

/**
 * Load-load barrier: reads a shared word after every plain read before this call. The closing check
 * of a seqlock reader and of a ring consumer that may be lapped. Never changes the word.
 */
export function loadAfterReads(words: Int32Array, index: number): number {
  return STAY_IN_ORDER ? Atomics.load(words, index) : Atomics.add(words, index, 0);
}

/** Store-store barrier: writes a word before every plain write after this call. Opens a seqlock. */
export function storeBeforeWrites(words: Int32Array, index: number, value: number): void {
  if (STAY_IN_ORDER) words[index] = value;
  else Atomics.exchange(words, index, value);
}

/** Release store: writes a word after every plain write before this call. Closes a seqlock. */
export function storeAfterWrites(words: Int32Array, index: number, value: number): void {
  if (STAY_IN_ORDER) words[index] = value;
  else Atomics.store(words, index, value);
}

/**
 * Store-load barrier: what this thread wrote with {@link storeAfterWrites} is visible to all
 * threads before any `Atomics.load` after this call reads.
 */
export function fence(): void {
  if (STAY_IN_ORDER) Atomics.exchange(scratch, 0, 0);
}
