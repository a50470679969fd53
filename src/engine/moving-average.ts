import { RecordDouble, type SymbolRecords } from './memory/symbol-records.ts';
import { TickDouble, type TickScratch } from './tick-scratch.ts';

/**
 * The mean of a symbol's last `window` prices, O(1) a tick: a ring of prices and their running sum.
 *
 * A second double collects the rounding errors of the sum (Neumaier's compensated summation, 1974;
 * an improvement of Kahan's), so that a price a million times its neighbours leaves no error behind
 * when it leaves the ring. The sum is also rebuilt each time the ring wraps. One thread only; never
 * allocates.
 */
export class MovingAverage {
  readonly #window: number;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #doublesEach: number;

  constructor(records: SymbolRecords, window: number) {
    this.#window = window;
    this.#words = records.words;
    this.#doubles = records.doubles;
    this.#doublesEach = records.doublesEach;
  }

  /**
   * Adds a tick's price and writes the new average to the tick. Its place in the ring follows from
   * the number of prices taken before it.
   */
  push(symbolId: number, tick: TickScratch): void {
    const doubles = this.#doubles;
    const record = symbolId * this.#doublesEach;
    const count = tick[TickDouble.TAKEN] as number;
    const index = this.#indexOf(count);
    const filled = Math.min(count + 1, this.#window);
    if (index === this.#window - 1) {
      doubles[record + RecordDouble.PRICES + index] = tick[TickDouble.PRICE] as number;
      this.rebuild(symbolId, filled);
    } else {
      this.#replace(record, index, tick);
    }
    const sum =
      (doubles[record + RecordDouble.SUM] as number) +
      (doubles[record + RecordDouble.CORRECTION] as number);
    tick[TickDouble.AVERAGE] = Number.isFinite(sum)
      ? sum / filled
      : this.rebuildMean(symbolId, filled);
  }

  /**
   * Prefetches the place of the ring that the symbol's next price goes to. (The wrong one in a ring
   * that began after the symbol's first tick, which only costs time.)
   */
  prefetch(symbolId: number): number {
    const record = symbolId * this.#doublesEach;
    const index = this.#indexOf(this.#doubles[record + RecordDouble.COUNT] as number);
    return this.#words[2 * (record + RecordDouble.PRICES + index)] as number;
  }

  /** Prices in the ring of a symbol with `count` ticks. */
  filled(symbolId: number, count: number): number {
    const since = this.#doubles[symbolId * this.#doublesEach + RecordDouble.SINCE] as number;
    return Math.min(count - since, this.#window);
  }

  /** Rebuilds the running sum from the `filled` prices in the ring. */
  rebuild(symbolId: number, filled: number): void {
    const doubles = this.#doubles;
    const record = symbolId * this.#doublesEach;
    const first = record + RecordDouble.PRICES;
    let sum = 0;
    let correction = 0;
    for (let i = first; i < first + filled; i++) {
      const price = doubles[i] as number;
      const next = sum + price;
      correction += sum >= price ? sum - next + price : price - next + sum;
      sum = next;
    }
    doubles[record + RecordDouble.SUM] = sum;
    doubles[record + RecordDouble.CORRECTION] = correction;
  }

  /** The place of the price after `count` others. Integers divide much faster than doubles. */
  #indexOf(count: number): number {
    return count < 0x8000_0000 ? (count | 0) % this.#window : count % this.#window;
  }

  /** Replaces the price at `index` of the ring, and in the sum, by the tick's. */
  #replace(record: number, index: number, tick: TickScratch): void {
    const doubles = this.#doubles;
    const at = record + RecordDouble.PRICES + index;
    const price = tick[TickDouble.PRICE] as number;
    let sum = doubles[record + RecordDouble.SUM] as number;
    let correction = doubles[record + RecordDouble.CORRECTION] as number;
    // A ring that is not full yet has no old price to subtract.
    if ((tick[TickDouble.TAKEN] as number) >= this.#window) {
      const old = doubles[at] as number;
      const without = sum - old;
      correction += Math.abs(sum) >= old ? sum - without - old : sum - (old + without);
      sum = without;
    }
    const next = sum + price;
    correction += Math.abs(sum) >= price ? sum - next + price : price - next + sum;
    doubles[at] = price;
    doubles[record + RecordDouble.SUM] = next;
    doubles[record + RecordDouble.CORRECTION] = correction;
  }

  /**
   * Rebuilds the sum and returns the mean of the `filled` prices in the ring. Prices near the
   * largest double overflow their sum, never their mean.
   */
  rebuildMean(symbolId: number, filled: number): number {
    this.rebuild(symbolId, filled);
    const doubles = this.#doubles;
    const record = symbolId * this.#doublesEach;
    const sum =
      (doubles[record + RecordDouble.SUM] as number) +
      (doubles[record + RecordDouble.CORRECTION] as number);
    if (Number.isFinite(sum)) return sum / filled;
    const first = record + RecordDouble.PRICES;
    let mean = 0;
    for (let i = 0; i < filled; i++) mean += (doubles[first + i] as number) / filled;
    return mean;
  }
}
