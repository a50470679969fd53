import { loadAfterReads, storeAfterWrites, storeBeforeWrites } from './fence.ts';
import type { SymbolRecords } from './symbol-records.ts';

/*
 * One row a symbol, the first 64 bytes (a cache line) of its record, written by the worker of the symbol's partition only,
 * read by anyone.
 *
 *   0         4         8         16        24        32        40        48        56        64
 *   ├ version ┼── -- ───┼─ price ─┼ average ┼─ count ─┼─ time ──┼─ min ───┼─ max ───┼anomalies┤
 *     int32               float64 each
 *
 * A seqlock: the version is odd while the row is being written, and even again with the next value after. A reader that
 * sees the same even version before and after its reads has read the values of one moment. Version 0: never written.
 */
const FIRST_VALUE = 1;
const ANOMALIES = 7;

/** Values of a row in the order of the protocol's field bits: price, average, count, time, min, max. */
export const ROW_VALUES = 6;
export const RowValue = { PRICE: 0, AVERAGE: 1, COUNT: 2, TIME: 3, MIN: 4, MAX: 5 } as const;

/** Reads of a row that is being written before giving up: its writer needs nanoseconds, unless it was interrupted. */
const READ_ATTEMPTS = 100;

/** Room for one row in the making: its values, then its number of anomalies. */
export function createPendingRow(): SharedArrayBuffer {
  return new SharedArrayBuffer((ROW_VALUES + 1) * 8);
}

/** Statistics rows in shared memory. Never blocks, never allocates. */
export class StatisticsTable {
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #wordsEach: number;
  readonly #doublesEach: number;

  constructor(records: SymbolRecords) {
    this.#words = records.words;
    this.#doubles = records.doubles;
    this.#wordsEach = records.wordsEach;
    this.#doublesEach = records.doublesEach;
  }

  /**
   * Copies a row's values of one moment to `into` at `base`, {@link ROW_VALUES} of them. Any thread.
   *
   * @returns the row's version (even); 0 when the symbol has no tick yet; -1 when the row is being written and the
   *   attempts ran out: its writer marks it dirty when it is done
   */
  read(symbolId: number, into: Float64Array, base: number): number {
    const word = symbolId * this.#wordsEach;
    const double = symbolId * this.#doublesEach + FIRST_VALUE;
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const version = Atomics.load(this.#words, word);
      if ((version & 1) !== 0) continue;
      if (version === 0) return 0;
      for (let i = 0; i < ROW_VALUES; i++) into[base + i] = this.#doubles[double + i] as number;
      if (loadAfterReads(this.#words, word) === version) return version;
    }
    return -1;
  }

  /** The version of a row, odd while it is being written. Any thread. */
  version(symbolId: number): number {
    return Atomics.load(this.#words, symbolId * this.#wordsEach);
  }

  /** Anomalies detected so far of a symbol: the sequence of the newest. Any thread. */
  anomalies(symbolId: number): number {
    return this.#doubles[symbolId * this.#doublesEach + ANOMALIES] as number;
  }

  /**
   * Has the numbers of a symbol's anomalies go on behind `anomalies`, whether it has ticks or not. Before there are writers
   * and readers only.
   */
  continueAnomalies(symbolId: number, anomalies: number): void {
    this.#doubles[symbolId * this.#doublesEach + ANOMALIES] = anomalies;
  }

  /** Copies a row to `row`, laid out as {@link write} takes it. The row's one writer only. */
  load(symbolId: number, row: Float64Array): void {
    const double = symbolId * this.#doublesEach + FIRST_VALUE;
    for (let i = 0; i <= ROW_VALUES; i++) row[i] = this.#doubles[double + i] as number;
  }

  /** One value of a row, for its writer. */
  value(symbolId: number, index: number): number {
    return this.#doubles[symbolId * this.#doublesEach + FIRST_VALUE + index] as number;
  }

  /**
   * Writes a row: `row` holds the values and then the number of anomalies. The row's one writer only; whoever is to find
   * the row by the dirty set is told by {@link DirtySet.markAll}, behind a fence.
   */
  write(symbolId: number, row: Float64Array): void {
    const word = symbolId * this.#wordsEach;
    const double = symbolId * this.#doublesEach + FIRST_VALUE;
    const version = this.#words[word] as number;
    // A row left odd by a writer that died stays odd until it is whole again.
    const odd = version | 1;
    storeBeforeWrites(this.#words, word, odd);
    for (let i = 0; i <= ROW_VALUES; i++) this.#doubles[double + i] = row[i] as number;
    // It wraps to stay above zero, and skips 0, which means: never written.
    const next = (odd + 1) & 0x7fffffff;
    storeAfterWrites(this.#words, word, next === 0 ? 2 : next);
  }
}
