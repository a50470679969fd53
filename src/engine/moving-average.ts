import { RecordDouble, type SymbolRecords } from './memory/symbol-records.ts';
import { TickDouble, type TickScratch } from './tick-scratch.ts';

/** The next price, or the division, could overflow a sum from here on. */
const SUM_MAX = 2 ** 1000;
/** Scales prices where their sum is larger: 65 536 of the largest stay far below SUM_MAX. */
const SCALE = 2 ** -64;
/** A sum that fell below this part of its greatest value is rebuilt. */
const FALLEN = 2 ** -24;
/** Splits a double into two of at most 36 and 17 bits (Veltkamp, 1968). */
const SPLITTER = 2 ** 17 + 1;

/**
 * The price that the tick being applied replaced in the ring, as doubles: the price; prices taken
 * before the tick + 1, written last; 0: none.
 */
const Replaced = { PRICE: 0, TAKEN: 1 } as const;

/**
 * The mean of a symbol's last `window` prices, amortized O(1) a tick: a ring of prices and their
 * running sum. One thread only; never allocates.
 *
 * The mean is within 2 units in the last place of the exact one, and between the least and the
 * greatest price of the ring, for any prices (docs/decisions/0003):
 *
 * - The sum is a pair of doubles, about 106 bits: each rounding error is computed exactly (Knuth's
 *   TwoSum) and collected in the second one.
 * - A price far above the others takes their last bits with it when it leaves. The sum is therefore
 *   rebuilt once it has fallen far below its peak, and each time the ring wraps.
 * - A sum that may overflow is kept of prices × SCALE. The peak is then negative.
 *
 * A tick whose worker dies before its row is written is lost; {@link putBack} then restores the
 * price that it replaced in the ring, which is kept aside until the row has it.
 *
 * In a state that a snapshot, or a worker that died, left, only the ring counts: `rebuild` makes
 * the rest of it.
 */
export class MovingAverage {
  readonly #window: number;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #doublesEach: number;
  readonly #replaced: Float64Array;

  /** @param replaced shared memory for {@link Replaced}, where ticks are applied */
  constructor(
    records: SymbolRecords,
    window: number,
    replaced: Float64Array = new Float64Array(2),
  ) {
    this.#replaced = replaced;
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
    const count = tick[TickDouble.TAKEN] as number;
    const index = this.#indexOf(count);
    const filled = Math.min(count + 1, this.#window);
    const at = symbolId * this.#doublesEach + RecordDouble.PRICES + index;
    this.#replaced[Replaced.PRICE] = this.#doubles[at] as number;
    this.#replaced[Replaced.TAKEN] = count + 1;
    if (index === this.#window - 1) {
      const ring = symbolId * this.#doublesEach + RecordDouble.PRICES;
      this.#doubles[ring + index] = tick[TickDouble.PRICE] as number;
      this.rebuild(symbolId, filled);
    } else {
      this.#replace(symbolId, index, filled, tick);
    }
    this.writeMean(symbolId, filled, tick);
  }

  /** The row counts the tick: its price stays in the ring. */
  settled(): void {
    this.#replaced[Replaced.TAKEN] = 0;
  }

  /**
   * For the successor of a worker that died applying a tick of the symbol: puts back the price that
   * it replaced if the row, with `count` ticks, does not count it.
   */
  putBack(symbolId: number, count: number): void {
    const record = symbolId * this.#doublesEach;
    const taken = count - (this.#doubles[record + RecordDouble.SINCE] as number);
    // Otherwise it died before it replaced a price, or after the row had counted the tick.
    if (this.#replaced[Replaced.TAKEN] === taken + 1) {
      const at = record + RecordDouble.PRICES + this.#indexOf(taken);
      this.#doubles[at] = this.#replaced[Replaced.PRICE] as number;
    }
    this.settled();
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
    if (!this.#trySum(symbolId, filled, 1)) this.#trySum(symbolId, filled, SCALE);
  }

  /** Writes the mean of the `filled` prices in the ring, whose running sum is up to date. */
  writeMean(symbolId: number, filled: number, tick: TickScratch): void {
    const doubles = this.#doubles;
    const record = symbolId * this.#doublesEach;
    const sum = doubles[record + RecordDouble.SUM] as number;
    let mean = sum / filled;
    // Dividing by a power of two adds no error to the rounded sum. Elsewhere the remainder settles
    // the last bit: without it the mean of three equal prices may be above each of them.
    if ((filled & (filled - 1)) !== 0) {
      const spread = mean * SPLITTER;
      const high = spread - (spread - mean);
      const remainder = sum - high * filled - (mean - high) * filled;
      mean += (remainder + (doubles[record + RecordDouble.CORRECTION] as number)) / filled;
    }
    const isScaled = (doubles[record + RecordDouble.PEAK] as number) < 0;
    tick[TickDouble.AVERAGE] = isScaled ? mean / SCALE : mean;
  }

  /** The place of the price after `count` others. Integers divide much faster than doubles. */
  #indexOf(count: number): number {
    return count < 0x8000_0000 ? (count | 0) % this.#window : count % this.#window;
  }

  /** Replaces the price at `index` of the ring, and in the sum, by the tick's. */
  #replace(symbolId: number, index: number, filled: number, tick: TickScratch): void {
    const doubles = this.#doubles;
    const record = symbolId * this.#doublesEach;
    const at = record + RecordDouble.PRICES + index;
    const peak = doubles[record + RecordDouble.PEAK] as number;
    const scale = peak < 0 ? SCALE : 1;
    // A ring that is not full yet has no old price to subtract.
    const isFull = (tick[TickDouble.TAKEN] as number) >= this.#window;
    const old = isFull ? (doubles[at] as number) * scale : 0;
    const price = (tick[TickDouble.PRICE] as number) * scale;
    doubles[at] = tick[TickDouble.PRICE] as number;
    const sum = doubles[record + RecordDouble.SUM] as number;
    const without = sum - old;
    const subtracted = without - sum;
    const next = without + price;
    const added = next - without;
    const correction =
      (doubles[record + RecordDouble.CORRECTION] as number) +
      (sum - (without - subtracted) - (old + subtracted)) +
      (without - (next - added) + (price - added));
    const rounded = next + correction;
    doubles[record + RecordDouble.SUM] = rounded;
    doubles[record + RecordDouble.CORRECTION] = correction - (rounded - next);
    const greatest = Math.abs(peak);
    // Also false for NaN, after an overflow.
    if (rounded <= greatest && rounded >= greatest * FALLEN) return;
    if (rounded > greatest && rounded < SUM_MAX) {
      doubles[record + RecordDouble.PEAK] = peak < 0 ? -rounded : rounded;
    } else {
      this.rebuild(symbolId, filled);
    }
  }

  /** Sums up prices × `scale`. False when the sum is too large. */
  #trySum(symbolId: number, filled: number, scale: number): boolean {
    const doubles = this.#doubles;
    const record = symbolId * this.#doublesEach;
    const first = record + RecordDouble.PRICES;
    let sum = 0;
    let correction = 0;
    for (let i = first; i < first + filled; i++) {
      const price = (doubles[i] as number) * scale;
      const next = sum + price;
      const added = next - sum;
      correction += sum - (next - added) + (price - added);
      sum = next;
    }
    const rounded = sum + correction;
    // Also false for NaN, after an overflow.
    if (!(rounded < SUM_MAX)) return false;
    doubles[record + RecordDouble.SUM] = rounded;
    doubles[record + RecordDouble.CORRECTION] = correction - (rounded - sum);
    doubles[record + RecordDouble.PEAK] = scale === 1 ? rounded : -rounded;
    return true;
  }
}
