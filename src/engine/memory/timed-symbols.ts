import { int32s, sharedMemory } from '../../threads/shared-memory.ts';

/*
 * The symbols of a partition that a reading of the clock may change: those with an open episode,
 * and all that a rule of silence applies to.
 *
 *   words     │ count │ bit b of word 1 + w set: symbol 32·w + b │
 *
 * Single writer: the partition's holder. A bit may be set needlessly, never missing; the count is
 * made anew by each holder.
 */
const BITS = 32;

export function createTimedSymbols(symbols: number): SharedArrayBuffer {
  return sharedMemory(4 + Math.ceil(symbols / BITS) * 4);
}

/** A set of symbols. One thread at a time; never allocates. */
export class TimedSymbols {
  readonly #words: Int32Array;

  /** Takes the set over, from a thread that may have died at any point. */
  constructor(memory: SharedArrayBuffer) {
    const words = int32s(memory);
    this.#words = words;
    let count = 0;
    for (let word = 1; word < words.length; word++) {
      for (let bits = words[word] as number; bits !== 0; bits &= bits - 1) count++;
    }
    words[0] = count;
  }

  get isEmpty(): boolean {
    return this.#words[0] === 0;
  }

  add(symbolId: number): void {
    const word = 1 + (symbolId >>> 5);
    const bits = this.#words[word] as number;
    const bit = 1 << (symbolId & 31);
    if ((bits & bit) !== 0) return;
    this.#words[word] = bits | bit;
    this.#words[0] = (this.#words[0] as number) + 1;
  }

  remove(symbolId: number): void {
    const word = 1 + (symbolId >>> 5);
    const bits = this.#words[word] as number;
    const bit = 1 << (symbolId & 31);
    if ((bits & bit) === 0) return;
    this.#words[word] = bits & ~bit;
    this.#words[0] = (this.#words[0] as number) - 1;
  }

  /** Calls `isKept` for each, by rising id; removes those that it returns false for. */
  visit(isKept: (symbolId: number) => boolean): void {
    const words = this.#words;
    for (let word = 1; word < words.length && words[0] !== 0; word++) {
      for (let bits = words[word] as number; bits !== 0; bits &= bits - 1) {
        const symbolId = (word - 1) * BITS + (31 - Math.clz32(bits & -bits));
        if (!isKept(symbolId)) this.remove(symbolId);
      }
    }
  }
}
