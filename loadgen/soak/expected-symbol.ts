/** An anomaly as the definition says it must be. */
export interface ExpectedAnomaly {
  readonly direction: 'Up' | 'Down';
  readonly referencePrice: number;
  readonly newPrice: number;
  readonly time: number;
}

/** The server's defaults. */
const AVERAGE_TICKS = 64;
const WINDOW_MS = 1000;
const THRESHOLD_PERCENT = 2;
/** A change this close to the threshold, percent points, is equal to it. */
const EQUAL_WITHIN = 1e-9;
/** The average is within a few units in the last place of the exact mean. */
const AVERAGE_ERROR = 1e-13;

interface WindowTick {
  readonly price: number;
  readonly time: number;
  readonly life: number;
}

/** What the server says of a symbol, as its HTTP API tells it. */
export interface ServedSymbol {
  readonly symbol: string;
  readonly currentPrice: number;
  readonly movingAverage: number;
  readonly updateCount: number;
  /** RFC 3339. */
  readonly lastUpdateTime: string;
  readonly minPrice: number;
  readonly maxPrice: number;
  readonly anomaliesDetected: number;
}

/**
 * The statistics and anomalies of a symbol, worked out tick by tick from their definition (docs/SEMANTICS.md), plainly: the
 * average is summed anew when asked for, and the window is searched whole.
 */
export class ExpectedSymbol {
  count = 0;
  currentPrice = Number.NaN;
  lastTime = Number.NEGATIVE_INFINITY;
  minPrice = Number.POSITIVE_INFINITY;
  maxPrice = Number.NEGATIVE_INFINITY;
  readonly anomalies: ExpectedAnomaly[] = [];
  /** Of the anomalies, those whose reference price an earlier process of the server took in. */
  restored = 0;
  readonly #windowMs: number;
  readonly #newest: number[] = [];
  readonly #window: WindowTick[] = [];

  constructor(windowMs = WINDOW_MS) {
    this.#windowMs = windowMs;
  }

  /** @param life counts the processes of the server: the one that took the tick in */
  apply(price: number, time: number, life = 0): void {
    this.count++;
    this.minPrice = Math.min(this.minPrice, price);
    this.maxPrice = Math.max(this.maxPrice, price);
    this.#newest.push(price);
    if (this.#newest.length > AVERAGE_TICKS) this.#newest.shift();
    if (time < this.lastTime) return;
    this.currentPrice = price;
    this.lastTime = time;
    const tick = { price, time, life };
    this.#window.push(tick);
    while ((this.#window[0] ?? tick).time < time - this.#windowMs) this.#window.shift();
    this.#detect(tick);
  }

  get movingAverage(): number {
    return this.#newest.reduce((sum, price) => sum + price, 0) / this.#newest.length;
  }

  /** What differs in what the server says, in words. */
  differences(served: ServedSymbol): string[] {
    const pairs: [name: string, expected: number, found: number][] = [
      ['count', this.count, served.updateCount],
      ['price', this.currentPrice, served.currentPrice],
      ['time', this.lastTime, Date.parse(served.lastUpdateTime)],
      ['min', this.minPrice, served.minPrice],
      ['max', this.maxPrice, served.maxPrice],
    ];
    const { movingAverage } = this;
    const error = Math.abs(served.movingAverage - movingAverage);
    if (!(error <= AVERAGE_ERROR * movingAverage)) {
      pairs.push(['average', movingAverage, served.movingAverage]);
    }
    return pairs
      .filter(([, expected, found]) => expected !== found)
      .map(([name, expected, found]) => `${name} is ${found}, must be ${expected}`);
  }

  #detect(newest: WindowTick): void {
    let min = newest;
    let max = newest;
    // Of equal prices the newest: only what no later tick would do as well was decided by an earlier one.
    for (const tick of this.#window) {
      if (tick.price <= min.price) min = tick;
      if (tick.price >= max.price) max = tick;
    }
    const { price } = newest;
    if (((price - min.price) / min.price) * 100 - THRESHOLD_PERCENT > EQUAL_WITHIN) {
      this.#raise('Up', min, newest);
    }
    if (((max.price - price) / max.price) * 100 - THRESHOLD_PERCENT > EQUAL_WITHIN) {
      this.#raise('Down', max, newest);
    }
  }

  #raise(direction: 'Up' | 'Down', reference: WindowTick, { price, time, life }: WindowTick): void {
    this.anomalies.push({ direction, referencePrice: reference.price, newPrice: price, time });
    if (reference.life !== life) this.restored++;
  }
}
