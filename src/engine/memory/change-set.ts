/*
 * Which symbols of a partition a capture has to copy: a bit a symbol, by symbol id.
 *
 *   words     │ bit b of word w set: symbol 32·w + b changed since it was copied last │
 *
 * Used by the partition's worker only, so nothing is atomic. A bit is set before its record is changed, and taken back
 * after it was copied: whenever the worker dies, each record that differs from its copy has its bit set.
 */
const BITS = 32;

export function createChangeSet(symbols: number): SharedArrayBuffer {
  return new SharedArrayBuffer(Math.ceil(symbols / BITS) * 4);
}

/** A partition's symbols that changed since the last capture. One thread only; nothing allocates. */
export class ChangeSet {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** Marks the symbols from `from` to `to` (exclusive), before their records change. Ids beyond all symbols are left out. */
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

  /** Takes all symbols out of the set, each after `copy` was called for it. Returns how many there were. */
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
