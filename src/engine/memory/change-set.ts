import { int32s, sharedMemory } from '../../threads/shared-memory.ts';

/*
 * Symbols of a partition that changed, one bit a symbol, by symbol id: `changes`, since they were
 * last copied, which the next capture has to do; `sinceBase`, copied since the base of captures.
 *
 *   words     │ bit b of word w set: symbol 32·w + b changed since it was last copied │
 *
 * Nothing is atomic. `changes` belongs to the partition's worker. A bit is set before its record
 * changes and cleared after it was copied: whenever the worker dies, every record that differs from
 * its copy has its bit set.
 *
 * `sinceBase` belongs to the worker from the request of a capture until it is done, and to the
 * gateway at any other time. A bit is set before that of `changes` is cleared.
 */
const BITS = 32;

export function createChangeSet(symbols: number): SharedArrayBuffer {
  return sharedMemory(Math.ceil(symbols / BITS) * 4);
}

/** A partition's symbols that changed. One thread at a time; never allocates. */
export class ChangeSet {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = int32s(memory);
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

  clearAll(): void {
    this.#words.fill(0);
  }

  /** Calls `visit` for each symbol, which it may clear. */
  forEach(visit: (symbolId: number) => void): void {
    const words = this.#words;
    for (let word = 0; word < words.length; word++) {
      for (let bits = words[word] as number; bits !== 0; bits &= bits - 1) {
        visit(word * BITS + (31 - Math.clz32(bits & -bits)));
      }
    }
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

/** The symbols in any of the sets, ascending. The sets are of one size. */
export function* symbolsInAny(sets: readonly SharedArrayBuffer[]): Generator<number> {
  const words = sets.map((memory) => int32s(memory));
  const length = words[0]?.length ?? 0;
  for (let word = 0; word < length; word++) {
    let bits = 0;
    for (const set of words) bits |= set[word] as number;
    for (; bits !== 0; bits &= bits - 1) yield word * BITS + (31 - Math.clz32(bits & -bits));
  }
}
