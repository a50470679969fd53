import { int32s, sharedMemory } from '../../threads/shared-memory.ts';
import { assertRange } from '../assert.ts';
import { fence } from './fence.ts';

/*
 * Which symbols changed since the gateway last took them: one bit a symbol, and a summary bit for
 * every 32 symbols.
 *
 *   summary   ┌ bit w set: word w below may have bits ┐
 *   words     │ bit b of word w set: symbol 32·w + b  │
 *
 * Workers set bits, the gateway takes them. A worker writes rows, passes a fence, then reads their
 * bits; the gateway takes a bit, then reads the row. A bit that a worker finds set is therefore
 * taken after its row was whole: no change is missed.
 */
const BITS = 32;

function wordsFor(symbols: number): number {
  return Math.ceil(symbols / BITS);
}

function summaryFor(symbols: number): number {
  return Math.ceil(wordsFor(symbols) / BITS);
}

export function createDirtySet(symbols: number): SharedArrayBuffer {
  return sharedMemory((summaryFor(symbols) + wordsFor(symbols)) * 4);
}

/**
 * The changed symbols in shared memory: any thread marks, one takes. Never blocks, never allocates.
 */
export class DirtySet {
  readonly #summary: Int32Array;
  readonly #words: Int32Array;
  readonly #symbols: number;

  constructor(memory: SharedArrayBuffer, symbols: number) {
    const summaryWords = summaryFor(symbols);
    this.#symbols = symbols;
    this.#summary = int32s(memory, 0, summaryWords);
    this.#words = int32s(memory, summaryWords * 4);
  }

  /**
   * Marks the symbols of ticks `from` to `to` (exclusive). Any thread, after it wrote their rows.
   */
  markAll(symbolIds: Int32Array, from: number, to: number): void {
    fence();
    for (let i = from; i < to; i++) this.#mark(symbolIds[i] as number);
  }

  #mark(symbolId: number): void {
    const word = symbolId >>> 5;
    const bit = 1 << (symbolId & 31);
    if ((Atomics.load(this.#words, word) & bit) !== 0) return;
    // The thread that finds the word empty announces it; otherwise another one has or is about to.
    if (Atomics.or(this.#words, word, bit) === 0) this.#announce(word);
  }

  /**
   * Marks every symbol that `isWritten` and announces every word: for the successor of a worker
   * that may have died before it marked what it wrote, or before it announced what it marked.
   */
  markWritten(isWritten: (symbolId: number) => boolean): void {
    fence();
    for (let symbolId = 0; symbolId < this.#symbols; symbolId++) {
      if (isWritten(symbolId)) this.#mark(symbolId);
    }
    for (let word = 0; word < this.#words.length; word++) {
      if (Atomics.load(this.#words, word) !== 0) this.#announce(word);
    }
  }

  isEmpty(): boolean {
    for (let i = 0; i < this.#summary.length; i++) {
      if (Atomics.load(this.#summary, i) !== 0) return false;
    }
    return true;
  }

  /**
   * Removes marked symbols and writes their ids to `into`, up to its length. One thread only.
   *
   * @returns how many
   */
  take(into: Int32Array): number {
    let count = 0;
    for (let s = 0; s < this.#summary.length; s++) {
      if (Atomics.load(this.#summary, s) === 0) continue;
      let announced = Atomics.exchange(this.#summary, s, 0);
      while (announced !== 0) {
        const word = s * BITS + (31 - Math.clz32(announced & -announced));
        if (count + BITS > into.length) {
          // No space for a whole word: leave the rest to the next call.
          Atomics.or(this.#summary, s, announced);
          return count;
        }
        announced &= announced - 1;
        count = this.#takeWord(word, into, count);
      }
    }
    return count;
  }

  #takeWord(word: number, into: Int32Array, from: number): number {
    let bits = Atomics.exchange(this.#words, word, 0);
    if (bits === 0) return from;
    const last = word * BITS + (31 - Math.clz32(bits));
    assertRange('id of a dirty symbol', last, 0, this.#symbols - 1);
    let count = from;
    while (bits !== 0) {
      into[count++] = word * BITS + (31 - Math.clz32(bits & -bits));
      bits &= bits - 1;
    }
    return count;
  }

  #announce(word: number): void {
    Atomics.or(this.#summary, word >>> 5, 1 << (word & 31));
  }
}
