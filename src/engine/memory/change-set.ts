/*
 * Which symbols of a partition the next capture has to copy: one bit a symbol, by symbol id.
 *
 *   words     │ bit b of word w set: symbol 32·w + b changed since it was last copied │
 *
 * Used by the partition's worker only, so nothing is atomic. A bit is set before its record changes
 * and cleared after it was copied: whenever the worker dies, every record that differs from its
 * copy has its bit set.
 */
const BITS = 32;

export function createChangeSet(symbols: number): SharedArrayBuffer {
  return new SharedArrayBuffer(Math.ceil(symbols / BITS) * 4);
}

/** A partition's symbols that changed since the last capture. One thread only; never allocates. */
export class ChangeSet {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /**
   * Marks the symbols of ticks `from` to `to` (exclusive), before their records change. Ignores ids
   * beyond the last symbol.
   */
  markAll(symbolIds: Int32Array, from: number, to: number): void {
    const words = this.#words;
    for (let i = from; i < to; i++) {
      const symbolId = symbolIds[i] as number;
      const word = words[symbolId >>> 5] as number;
      const marked = word | (1 << (symbolId & 31));
      if (word !== marked) words[symbolId >>> 5] = marked;
    }
  }

  mark(symbolId: number): void {
    const word = symbolId >>> 5;
    this.#words[word] = (this.#words[word] as number) | (1 << (symbolId & 31));
  }

  clear(symbolId: number): void {
    const word = symbolId >>> 5;
    this.#words[word] = (this.#words[word] as number) & ~(1 << (symbolId & 31));
  }

  /** Calls `copy` for each symbol and then removes it. Returns the number of symbols. */
  takeAll(copy: (symbolId: number) => void): number {
    const words = this.#words;
    let count = 0;
    for (let word = 0; word < words.length; word++) {
      let bits = words[word] as number;
      if (bits === 0) continue;
      for (; bits !== 0; bits &= bits - 1) {
        copy(word * BITS + (31 - Math.clz32(bits & -bits)));
        count++;
      }
      words[word] = 0;
    }
    return count;
  }
}
