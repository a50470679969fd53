import type { RaisedRecord } from '../protocol/index.ts';
import { compareByTime } from './time-order.ts';

/** Records in one transaction: about 40 ms of the writer's time, and 2 ms to sort. */
const BATCH_MAX = 4096;

/** Consecutive records, written in one transaction. */
export class Batch<R extends RaisedRecord> {
  readonly firstOrdinal: number;
  /** Position in the journal behind the causes of all of them. */
  position = 0;
  readonly items: R[] = [];
  readonly bySymbol = new Map<string, R[]>();
  #byTime: readonly R[] = [];

  constructor(firstOrdinal: number) {
    this.firstOrdinal = firstOrdinal;
  }

  get isFull(): boolean {
    return this.items.length >= BATCH_MAX;
  }

  /** Whether {@link byTime} has nothing to sort. */
  get isSorted(): boolean {
    return this.#byTime.length === this.items.length;
  }

  /** The records in the order of a page by time; sorted at the first use after an append. */
  get byTime(): readonly R[] {
    if (!this.isSorted) this.#byTime = this.items.toSorted(compareByTime);
    return this.#byTime;
  }

  append(record: R): void {
    this.items.push(record);
    const ofSymbol = this.bySymbol.get(record.symbol);
    if (ofSymbol === undefined) this.bySymbol.set(record.symbol, [record]);
    else ofSymbol.push(record);
  }
}

/**
 * Records that are not on disk yet, in order of arrival. The writer may hold the first batch; new
 * records join the last.
 */
export class WriteBuffer<R extends RaisedRecord> {
  readonly #batches: Batch<R>[] = [];
  readonly #countMax: number;
  #nextOrdinal: number;
  #count = 0;
  /** The batch that the writer holds: it is neither extended nor dropped. */
  #taken: Batch<R> | undefined;

  /** @param countMax records from which it is full; {@link append} takes more all the same */
  constructor(firstOrdinal: number, countMax: number) {
    this.#nextOrdinal = firstOrdinal;
    this.#countMax = countMax;
  }

  get count(): number {
    return this.#count;
  }

  /** Records until it is full. */
  get space(): number {
    return Math.max(0, this.#countMax - this.#count);
  }

  /** The ordinal of the next record. */
  get nextOrdinal(): number {
    return this.#nextOrdinal;
  }

  /** The ordinal of the oldest in the buffer; {@link nextOrdinal} when it is empty. */
  get firstOrdinal(): number {
    return this.#batches[0]?.firstOrdinal ?? this.#nextOrdinal;
  }

  get oldest(): readonly Batch<R>[] {
    return this.#batches;
  }

  /** @param position in the journal, behind what caused it */
  append(record: R, position = 0): void {
    let batch = this.#batches.at(-1);
    if (batch === undefined || batch === this.#taken || batch.isFull) {
      batch = new Batch<R>(this.#nextOrdinal);
      this.#batches.push(batch);
    }
    batch.append(record);
    batch.position = Math.max(batch.position, position);
    this.#nextOrdinal++;
    this.#count++;
  }

  /** Hands the oldest batch to the writer, which then calls {@link release} or {@link remove}. */
  take(): Batch<R> | undefined {
    this.#taken = this.#batches[0];
    return this.#taken;
  }

  /** The batch taken could not be written. */
  release(): void {
    this.#taken = undefined;
  }

  /** The batch taken is on disk. */
  remove(): void {
    if (this.#taken === undefined) return;
    this.#batches.shift();
    this.#count -= this.#taken.items.length;
    this.#taken = undefined;
  }

  /** The records of a symbol, oldest first, in one list for each batch that has some. */
  ofSymbol(symbol: string): readonly (readonly R[])[] {
    const lists: (readonly R[])[] = [];
    for (const batch of this.#batches) {
      const ofSymbol = batch.bySymbol.get(symbol);
      if (ofSymbol !== undefined) lists.push(ofSymbol);
    }
    return lists;
  }

  /**
   * Drops the oldest batch that the writer does not hold; returns its size. A whole batch: dropping
   * single records would slow down every append.
   */
  dropOldest(): number {
    const at = this.#batches[0] === this.#taken ? 1 : 0;
    const [batch] = this.#batches.splice(at, 1);
    const count = batch?.items.length ?? 0;
    this.#count -= count;
    return count;
  }
}
