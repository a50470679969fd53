/** An anomaly as the definition says it must be. */
export interface ExpectedAnomaly {
  readonly direction: 'Up' | 'Down';
  readonly referencePrice: number;
  readonly newPrice: number;
  readonly time: number;
}

/** The server's defaults, which a soak leaves alone. */
const AVERAGE_TICKS = 64;
const WINDOW_MS = 1000;
const THRESHOLD_PERCENT = 2;
/** A change this close to the threshold, percent points, is equal to it. */
const EQUAL_WITHIN = 1e-9;
/** The average is within a few units in the last place of the exact mean. */
const AVERAGE_ERROR = 1e-13;

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
  #newest: number[] = [];
  #window: { readonly price: number; readonly time: number }[] = [];

  apply(price: number, time: number): void {
    this.count++;
    this.minPrice = Math.min(this.minPrice, price);
    this.maxPrice = Math.max(this.maxPrice, price);
    this.#newest.push(price);
    if (this.#newest.length > AVERAGE_TICKS) this.#newest.shift();
    if (time < this.lastTime) return;
    this.currentPrice = price;
    this.lastTime = time;
    this.#window.push({ price, time });
    const tooOld = this.#window.findIndex((tick) => tick.time >= time - WINDOW_MS);
    if (tooOld > 0) this.#window = this.#window.slice(tooOld);
    this.#detect(price, time);
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

  #detect(price: number, time: number): void {
    let min = price;
    let max = price;
    for (const tick of this.#window) {
      min = Math.min(min, tick.price);
      max = Math.max(max, tick.price);
    }
    const common = { newPrice: price, time };
    if (((price - min) / min) * 100 - THRESHOLD_PERCENT > EQUAL_WITHIN) {
      this.anomalies.push({ direction: 'Up', referencePrice: min, ...common });
    }
    if (((max - price) / max) * 100 - THRESHOLD_PERCENT > EQUAL_WITHIN) {
      this.anomalies.push({ direction: 'Down', referencePrice: max, ...common });
    }
  }
}
