import type { Rules } from '../http-api.ts';
import type { PriceTrail } from '../symbols/market.ts';

/** Points kept: 15 minutes at 20 a second. */
const POINTS_MAX = 18_000;
/** Points dropped at a time when full. */
const POINTS_DROPPED = 2_000;

/** Prices from before the page was open, oldest first. */
export interface PastPrices {
  /** Ms since the epoch. */
  readonly times: readonly number[];
  readonly prices: readonly number[];
}

/** Columns of the chart; times are seconds since the epoch. */
export type HistoryColumns = [
  times: Float64Array,
  upper: Float64Array,
  lower: Float64Array,
  averages: Float64Array,
  prices: Float64Array,
];

/**
 * The observed states of a symbol in columns, with the band within which its next tick raises no
 * anomaly: the threshold above the lowest and below the highest price of the sliding window.
 */
export class PriceHistory {
  readonly #columns: HistoryColumns;
  readonly #threshold: number;
  readonly #extremes: WindowExtremes;
  #length = 0;
  /** Points of the past, which come first. Their average is not known, NaN; nor is their band. */
  #pastLength = 0;

  /** @param rules a threshold of NaN means unknown */
  constructor(rules: Pick<Rules, 'anomalyThresholdPercent' | 'slidingWindowMilliseconds'>) {
    this.#threshold = rules.anomalyThresholdPercent / 100;
    this.#extremes = new WindowExtremes(rules.slidingWindowMilliseconds);
    // One more place for the current point.
    const column = () => new Float64Array(POINTS_MAX + 1);
    this.#columns = [column(), column(), column(), column(), column()];
  }

  get length(): number {
    return this.#length;
  }

  /** Time of the first point, seconds since the epoch; NaN if there is none. */
  get start(): number {
    return this.#length === 0 ? Number.NaN : (this.#columns[0][0] as number);
  }

  /** Adds a state. It replaces one of the same time. */
  add(timeMs: number, price: number, average: number): void {
    this.#extremes.add(timeMs, price);
    const seconds = timeMs / 1000;
    const isSameTime =
      this.#length > this.#pastLength && this.#columns[0][this.#length - 1] === seconds;
    if (!isSameTime) {
      if (this.#length === POINTS_MAX) this.#drop(POINTS_DROPPED);
      this.#length++;
    }
    this.#write(this.#length - 1, seconds, price, average);
  }

  /** Adds what was seen before the symbol was selected. */
  addTrail({ times, prices, averages, length }: PriceTrail): void {
    for (let i = 0; i < length; i++) {
      this.add(times[i] as number, prices[i] as number, averages[i] as number);
    }
  }

  /** Replaces the points of the past by those before the first observed one. */
  setPast({ times, prices }: PastPrices): void {
    const room = POINTS_MAX - (this.#length - this.#pastLength) - times.length;
    if (room < 0) this.#drop(this.#pastLength - room);
    const observed = this.#columns[0][this.#pastLength] as number;
    const isObserved = this.#length > this.#pastLength;
    const firstAfter = isObserved ? times.findIndex((time) => time / 1000 >= observed) : -1;
    const count = firstAfter === -1 ? times.length : firstAfter;
    for (const column of this.#columns) column.copyWithin(count, this.#pastLength, this.#length);
    this.#length += count - this.#pastLength;
    this.#pastLength = count;
    const [seconds, upper, lower, averages, past] = this.#columns;
    for (let i = 0; i < count; i++) {
      seconds[i] = (times[i] as number) / 1000;
      past[i] = prices[i] as number;
      averages[i] = Number.NaN;
      // NaN would be the corner of an area.
      upper[i] = past[i] as number;
      lower[i] = past[i] as number;
    }
  }

  /**
   * The points from a time on, with one point before it and one for the present. Valid until the
   * next call.
   */
  columnsFrom(fromSeconds: number, nowSeconds: number): HistoryColumns {
    const [times, , , averages, prices] = this.#columns;
    const last = this.#length - 1;
    if (last < 0) return this.#cut(0, 0);
    this.#extremes.moveTo(nowSeconds * 1000);
    const now = Math.max(nowSeconds, times[last] as number);
    this.#write(this.#length, now, prices[last] as number, averages[last] as number);
    return this.#cut(Math.max(0, this.#firstAt(fromSeconds) - 1), this.#length + 1);
  }

  #write(index: number, seconds: number, price: number, average: number): void {
    const [times, upper, lower, averages, prices] = this.#columns;
    times[index] = seconds;
    prices[index] = price;
    averages[index] = average;
    upper[index] = this.#extremes.min * (1 + this.#threshold);
    lower[index] = this.#extremes.max * (1 - this.#threshold);
  }

  #cut(start: number, end: number): HistoryColumns {
    return this.#columns.map((column) => column.subarray(start, end)) as HistoryColumns;
  }

  #firstAt(seconds: number): number {
    const times = this.#columns[0];
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((times[middle] as number) < seconds) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Drops the oldest points. */
  #drop(count: number): void {
    for (const column of this.#columns) column.copyWithin(0, count, this.#length);
    this.#length -= count;
    this.#pastLength = Math.max(0, this.#pastLength - count);
  }
}

/** Lowest and highest price of a sliding time window, each kept as a queue of candidates. */
export class WindowExtremes {
  readonly #windowMs: number;
  readonly #low: Candidates = { times: [], prices: [], head: 0 };
  readonly #high: Candidates = { times: [], prices: [], head: 0 };

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** The lowest price in the window; NaN before the first. */
  get min(): number {
    return this.#low.prices[this.#low.head] ?? Number.NaN;
  }

  /** The highest price in the window; NaN before the first. */
  get max(): number {
    return this.#high.prices[this.#high.head] ?? Number.NaN;
  }

  /** Adds a price. Times must not decrease. */
  add(timeMs: number, price: number): void {
    push(this.#low, timeMs, price, (last) => last >= price);
    push(this.#high, timeMs, price, (last) => last <= price);
    this.moveTo(timeMs);
  }

  /** Drops what is older than the window. The newest price always stays. */
  moveTo(timeMs: number): void {
    for (const queue of [this.#low, this.#high]) {
      const last = queue.times.length - 1;
      while (queue.head < last && (queue.times[queue.head] as number) < timeMs - this.#windowMs) {
        queue.head++;
      }
      if (queue.head > 64 && queue.head * 2 > queue.times.length) compact(queue);
    }
  }
}

interface Candidates {
  times: number[];
  prices: number[];
  head: number;
}

/** A newer price that is at least as extreme supersedes older ones. */
function push(
  queue: Candidates,
  timeMs: number,
  price: number,
  isSuperseded: (last: number) => boolean,
): void {
  while (queue.times.length > queue.head && isSuperseded(queue.prices.at(-1) as number)) {
    queue.times.pop();
    queue.prices.pop();
  }
  queue.times.push(timeMs);
  queue.prices.push(price);
}

function compact(queue: Candidates): void {
  queue.times = queue.times.slice(queue.head);
  queue.prices = queue.prices.slice(queue.head);
  queue.head = 0;
}
