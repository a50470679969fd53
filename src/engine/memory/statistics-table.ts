import { assertEqual } from '../assert.ts';
import { loadAfterReads, storeAfterWrites, storeBeforeWrites } from './fence.ts';
import type { SymbolRecords } from './symbol-records.ts';

/*
 * One row a symbol: the first 64 bytes (a cache line) of its record. Single writer, the worker of
 * the symbol's partition; any thread reads.
 *
 *   0         4         8         16        24        32        40        48        56        64
 *   ├ version ┼─ wraps ─┼─ price ─┼ average ┼─ count ─┼─ time ──┼─ min ───┼─ max ───┼anomalies┤
 *     int32     int32     float64 each
 *
 * A seqlock: the version is odd while the row is being written, then the next even number. A reader
 * that sees the same even version before and after has read the values of one moment. 0: never
 * written. It has 31 bits: `wraps` counts how often they wrapped, and a reader compares both. It
 * reads `wraps` before the first and after the last version, so a wrap in between is seen.
 * It goes on when a symbol is retired; a row that counts no ticks has no values.
 *
 * Readers learn of a new row through DirtySet, which the writer marks after a fence.
 */
const WRAPS = 1;
const VERSIONS = 0x8000_0000;
const FIRST_VALUE = 1;
const ANOMALIES = 7;

/**
 * Values of a row in the order of the protocol's field bits: price, average, count, time, min, max.
 */
export const ROW_VALUES = 6;
export const RowValue = { PRICE: 0, AVERAGE: 1, COUNT: 2, TIME: 3, MIN: 4, MAX: 5 } as const;

/**
 * Reads of a row that is being written before giving up: its writer takes ns unless interrupted.
 */
const READ_ATTEMPTS = 100;

/** Where {@link createPendingRow} has the replaced price, in doubles. */
export const REPLACED_FROM = ROW_VALUES + 1;
const REPLACED_DOUBLES = 2;

/**
 * Shared memory for one row being made: its values, then its number of anomalies; then the price
 * that its tick replaced in the ring, see `MovingAverage`.
 */
export function createPendingRow(): SharedArrayBuffer {
  return new SharedArrayBuffer((REPLACED_FROM + REPLACED_DOUBLES) * 8);
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
   * Copies the {@link ROW_VALUES} values of a row to `into` at `base`, all of one moment. Any
   * thread.
   *
   * @returns the row's version (even, ever higher); 0 when the symbol has no tick yet; -1 when the
   *   row was being written at every attempt: its writer marks it dirty afterwards
   */
  read(symbolId: number, into: Float64Array, base: number): number {
    const word = symbolId * this.#wordsEach;
    const double = symbolId * this.#doublesEach + FIRST_VALUE;
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const wraps = Atomics.load(this.#words, word + WRAPS);
      const version = Atomics.load(this.#words, word);
      if ((version & 1) !== 0) continue;
      if (version === 0) return 0;
      for (let i = 0; i < ROW_VALUES; i++) into[base + i] = this.#doubles[double + i] as number;
      const isWhole =
        loadAfterReads(this.#words, word) === version &&
        Atomics.load(this.#words, word + WRAPS) === wraps;
      if (!isWhole) continue;
      if (into[base + RowValue.COUNT] === 0) return 0;
      return wraps === 0 ? version : wraps * VERSIONS + version;
    }
    return -1;
  }

  /** Whether a symbol has had a tick applied, or is having its first one applied. Any thread. */
  hasTicks(symbolId: number): boolean {
    return this.value(symbolId, RowValue.COUNT) !== 0;
  }

  /** The version of a row, odd while it is being written. Any thread. */
  version(symbolId: number): number {
    return Atomics.load(this.#words, symbolId * this.#wordsEach);
  }

  /** A symbol's anomalies so far: the sequence of the newest. Any thread. */
  anomalies(symbolId: number): number {
    return this.#doubles[symbolId * this.#doublesEach + ANOMALIES] as number;
  }

  /**
   * Continues the numbering of a symbol's anomalies after `anomalies`, whether it has ticks or not.
   * Only while the row has no writer: before the workers start, or before the first tick of a new
   * symbol is published, which hands the row to its worker.
   */
  continueAnomalies(symbolId: number, anomalies: number): void {
    this.#doubles[symbolId * this.#doublesEach + ANOMALIES] = anomalies;
  }

  /**
   * Copies a row to `row`, in the layout of {@link write}. Single writer, while the row is whole.
   */
  load(symbolId: number, row: Float64Array): void {
    const version = this.#words[symbolId * this.#wordsEach] as number;
    assertEqual('lowest bit of the version of a whole row', version & 1, 0);
    const double = symbolId * this.#doublesEach + FIRST_VALUE;
    for (let i = 0; i <= ROW_VALUES; i++) row[i] = this.#doubles[double + i] as number;
  }

  /** One value of a row. Single writer; elsewhere, any moment's. */
  value(symbolId: number, index: number): number {
    return this.#doubles[symbolId * this.#doublesEach + FIRST_VALUE + index] as number;
  }

  /**
   * Writes a row: its values, then its number of anomalies. Single writer. Readers learn through
   * {@link DirtySet.markAll}, which begins with a fence.
   */
  write(symbolId: number, row: Float64Array): void {
    const word = symbolId * this.#wordsEach;
    const double = symbolId * this.#doublesEach + FIRST_VALUE;
    const version = this.#words[word] as number;
    // A row that a dead writer left odd stays odd until it is whole again.
    const odd = version | 1;
    storeBeforeWrites(this.#words, word, odd);
    for (let i = 0; i <= ROW_VALUES; i++) this.#doubles[double + i] = row[i] as number;
    // Wraps to stay positive and skips 0, which means never written.
    const next = (odd + 1) & 0x7fff_ffff;
    if (next === 0) {
      Atomics.store(this.#words, word + WRAPS, (this.#words[word + WRAPS] as number) + 1);
    }
    storeAfterWrites(this.#words, word, next === 0 ? 2 : next);
  }
}
