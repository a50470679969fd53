/**
 * The statistics and the anomaly rule of docs/SEMANTICS.md as written for a single thread: one
 * object a symbol, with arrays.
 */

const AVERAGE_WINDOW = 64;
const WINDOW_MS = 1000;
const THRESHOLD_PERCENT = 2;
/** A change this close to the threshold, in percentage points, equals it. */
const EQUAL_WITHIN = 1e-9;
/** Expired entries at a deque's front before it is compacted. */
const EXPIRED_MAX = 64;

export interface Anomaly {
  readonly sequence: number;
  readonly direction: 1 | -1;
  readonly reference: number;
  readonly price: number;
  readonly changePercent: number;
  readonly time: number;
}

/** Window minimum or maximum: a monotonic deque in two arrays with a front index. */
class WindowExtremum {
  readonly #sign: 1 | -1;
  readonly #prices: number[] = [];
  readonly #times: number[] = [];
  #head = 0;

  /** @param sign 1 for the minimum, -1 for the maximum */
  constructor(sign: 1 | -1) {
    this.#sign = sign;
  }

  /** Adds a price; returns the extremum of the window that ends with it. */
  push(price: number, time: number): number {
    const prices = this.#prices;
    const times = this.#times;
    const oldest = time - WINDOW_MS;
    while (this.#head < times.length && (times[this.#head] as number) < oldest) this.#head++;
    const sign = this.#sign;
    while (prices.length > this.#head && sign * (prices.at(-1) as number) >= sign * price) {
      prices.pop();
      times.pop();
    }
    prices.push(price);
    times.push(time);
    if (this.#head > EXPIRED_MAX && 2 * this.#head > times.length) this.#cut();
    return prices[this.#head] as number;
  }

  #cut(): void {
    this.#prices.splice(0, this.#head);
    this.#times.splice(0, this.#head);
    this.#head = 0;
  }
}

export class InlineSymbol {
  readonly id: number;
  readonly name: string;
  price = 0;
  average = 0;
  count = 0;
  time = 0;
  min = Number.POSITIVE_INFINITY;
  max = 0;
  /** Ticks older than the newest one. */
  late = 0;
  anomalies = 0;
  /**
   * Subscribed sessions. Without any, nothing is packed; asking the native side would cost more
   * than the tick.
   */
  subscribers = 0;
  readonly #prices: number[] = [];
  #sum = 0;
  readonly #minima = new WindowExtremum(1);
  readonly #maxima = new WindowExtremum(-1);

  constructor(id: number, name: string) {
    this.id = id;
    this.name = name;
  }

  /** Applies a tick; returns its anomalies, if any. */
  apply(price: number, time: number): Anomaly[] | undefined {
    this.#updateAverage(price);
    this.count++;
    if (price < this.min) this.min = price;
    if (price > this.max) this.max = price;
    if (time < this.time) {
      this.late++;
      return undefined;
    }
    this.price = price;
    this.time = time;
    const min = this.#minima.push(price, time);
    const max = this.#maxima.push(price, time);
    const up = ((price - min) / min) * 100;
    const down = ((price - max) / max) * 100;
    const limit = THRESHOLD_PERCENT + EQUAL_WITHIN;
    if (up <= limit && down >= -limit) return undefined;
    const raised: Anomaly[] = [];
    if (up > limit) raised.push(this.#anomaly(1, min, up));
    if (down < -limit) raised.push(this.#anomaly(-1, max, down));
    return raised;
  }

  #updateAverage(price: number): void {
    const prices = this.#prices;
    const index = this.count % AVERAGE_WINDOW;
    if (prices.length < AVERAGE_WINDOW) prices.push(price);
    else {
      this.#sum -= prices[index] as number;
      prices[index] = price;
    }
    this.#sum += price;
    // Recomputed regularly against rounding errors.
    if (index === AVERAGE_WINDOW - 1) this.#sum = prices.reduce((sum, each) => sum + each, 0);
    this.average = this.#sum / prices.length;
  }

  #anomaly(direction: 1 | -1, reference: number, changePercent: number): Anomaly {
    this.anomalies++;
    const { anomalies: sequence, price, time } = this;
    return { sequence, direction, reference, price, changePercent, time };
  }
}
