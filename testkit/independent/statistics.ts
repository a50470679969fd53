/*
 * The statistics and the anomaly rule a second time, straight from docs/SEMANTICS.md: plain, and
 * without code or data structures of the engine. The mean is summed up anew, and the window
 * searched whole, for every tick that may raise something.
 */
import { exactMean } from './exact-mean.ts';

/** One price of one symbol; `time` in ms since the epoch. */
export interface Tick {
  readonly price: number;
  readonly time: number;
}

export interface MarketTick extends Tick {
  readonly symbol: string;
}

/** What may be configured. */
export interface OracleRules {
  /** Ticks in the moving average. */
  readonly movingAverageWindow: number;
  readonly slidingWindowMilliseconds: number;
  readonly anomalyThresholdPercent: number;
}

/** The server's defaults. */
export const DEFAULT_RULES: OracleRules = {
  movingAverageWindow: 64,
  slidingWindowMilliseconds: 1000,
  anomalyThresholdPercent: 2,
};

/** The statistics of a symbol, in the words of the protocol. */
export interface Statistics {
  readonly price: number;
  /** The mean of the window, exact but for the one rounding to a double. */
  readonly average: number;
  readonly count: number;
  readonly time: number;
  readonly min: number;
  readonly max: number;
}

export interface ExpectedAnomaly {
  readonly sequence: number;
  /** Up or down. */
  readonly direction: 1 | -1;
  readonly reference: number;
  readonly price: number;
  readonly changePercent: number;
  readonly time: number;
}

/** Where an oracle goes on. */
export interface OracleState extends Omit<Statistics, 'average'> {
  /** The newest prices, as many as are averaged. */
  readonly prices: readonly number[];
  /** Ticks that were not late, those of the window at least. */
  readonly window: readonly Tick[];
  /** Sequence of the newest anomaly. */
  readonly anomalies: number;
}

/** So many ticks that are no longer needed are removed at once. */
const FORGOTTEN_TOGETHER = 256;

/** A change this close to the threshold, in percent points, equals it and is not beyond it. */
const EQUAL_WITHIN = 1e-9;

/** One symbol, tick by tick. */
export class SymbolOracle {
  price = Number.NaN;
  count = 0;
  time = Number.NEGATIVE_INFINITY;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  late = 0;
  /** Those raised so far. */
  readonly anomalies: ExpectedAnomaly[] = [];
  /** Sequence of the newest anomaly. */
  lastAnomaly = 0;
  /** Anomalies whose reference price came before {@link restarted}. */
  restored = 0;
  readonly #rules: OracleRules;
  /** The newest are averaged. */
  readonly #prices: number[];
  /** Prices and times of ticks that were not late; the window is those from `#oldest` on. */
  readonly #heldPrices: number[] = [];
  readonly #heldTimes: number[] = [];
  #oldest = 0;
  /** An earlier process of the server took in those before. */
  #restoredEnd = 0;
  /** No price of the window is beyond these: it may have had others since the last search. */
  #lowest = Number.POSITIVE_INFINITY;
  #highest = Number.NEGATIVE_INFINITY;

  constructor(rules: OracleRules = DEFAULT_RULES, state?: OracleState) {
    this.#rules = rules;
    this.#prices = [...(state?.prices ?? [])];
    for (const held of state?.window ?? []) this.#hold(held.price, held.time);
    if (state === undefined) return;
    const { price, count, time, min, max, anomalies } = state;
    Object.assign(this, { price, count, time, min, max, lastAnomaly: anomalies });
  }

  get average(): number {
    return exactMean(this.#prices.slice(-this.#rules.movingAverageWindow));
  }

  get statistics(): Statistics {
    const { price, average, count, time, min, max } = this;
    return { price, average, count, time, min, max };
  }

  /**
   * The next tick. Returns the anomalies that it raises, Up first.
   *
   * @param latestTime the latest time that a tick may have now, by the server's clock
   */
  apply(price: number, time: number, latestTime = Number.POSITIVE_INFINITY): ExpectedAnomaly[] {
    this.count++;
    this.min = Math.min(this.min, price);
    this.max = Math.max(this.max, price);
    this.#prices.push(price);
    const unneeded = this.#prices.length - this.#rules.movingAverageWindow;
    if (unneeded > FORGOTTEN_TOGETHER) this.#prices.splice(0, unneeded);
    if (time < this.time && this.time > latestTime && time <= latestTime) {
      // The newest time was taken while the clock was ahead.
      this.#oldest = this.#heldTimes.length;
    } else if (time < this.time) {
      this.late++;
      return [];
    }
    this.price = price;
    this.time = time;
    this.#hold(price, time);
    // Times never decrease in the window.
    const oldest = time - this.#rules.slidingWindowMilliseconds;
    while ((this.#heldTimes[this.#oldest] as number) < oldest) this.#oldest++;
    if (this.#oldest > FORGOTTEN_TOGETHER) this.#forget();
    return this.#mayRaise(price) ? this.#detect() : [];
  }

  /** Another process of the server goes on, with the window that the last one left. */
  restarted(): void {
    this.#restoredEnd = this.#heldTimes.length;
  }

  #forget(): void {
    this.#heldPrices.splice(0, this.#oldest);
    this.#heldTimes.splice(0, this.#oldest);
    this.#restoredEnd -= this.#oldest;
    this.#oldest = 0;
  }

  #hold(price: number, time: number): void {
    this.#heldPrices.push(price);
    this.#heldTimes.push(time);
    if (price < this.#lowest) this.#lowest = price;
    if (price > this.#highest) this.#highest = price;
  }

  /** False where no price of the window can be far enough away, whatever is rounded. */
  #mayRaise(price: number): boolean {
    const up = changeOf(price, this.#lowest);
    const down = -changeOf(price, this.#highest);
    return Math.max(up, down) > this.#rules.anomalyThresholdPercent;
  }

  #detect(): ExpectedAnomaly[] {
    const { price, time } = this;
    const raised: ExpectedAnomaly[] = [];
    const raise = (direction: 1 | -1, at: number) => {
      const reference = this.#heldPrices[at] as number;
      const percent = changeOf(price, reference);
      if (direction * percent - this.#rules.anomalyThresholdPercent <= EQUAL_WITHIN) return;
      // A move beyond every double is reported as the largest one.
      const changePercent = Math.min(percent, Number.MAX_VALUE);
      const sequence = ++this.lastAnomaly;
      if (at < this.#restoredEnd) this.restored++;
      raised.push({ sequence, direction, reference, price, changePercent, time });
    };
    const prices = this.#heldPrices;
    let min = this.#oldest;
    let max = min;
    // Among equal prices the newest counts as the reference.
    for (let i = min; i < prices.length; i++) {
      if ((prices[i] as number) <= (prices[min] as number)) min = i;
      if ((prices[i] as number) >= (prices[max] as number)) max = i;
    }
    this.#lowest = prices[min] as number;
    this.#highest = prices[max] as number;
    raise(1, min);
    raise(-1, max);
    this.anomalies.push(...raised);
    return raised;
  }
}

/** In percent of the reference. */
function changeOf(price: number, reference: number): number {
  return ((price - reference) / reference) * 100;
}

/** What the ticks of a symbol come to. */
export interface ExpectedSymbol {
  /** The statistics after each tick. */
  readonly after: readonly Statistics[];
  readonly anomalies: readonly ExpectedAnomaly[];
  readonly late: number;
}

/** @param ticks of one symbol, in the order in which they were applied */
export function expectedSymbol(ticks: readonly Tick[], rules?: OracleRules): ExpectedSymbol {
  const oracle = new SymbolOracle(rules);
  const after = ticks.map(({ price, time }) => {
    oracle.apply(price, time);
    return oracle.statistics;
  });
  return { after, anomalies: oracle.anomalies, late: oracle.late };
}

/** The same for the ticks of many symbols in one list. */
export function expectedMarket(
  ticks: readonly MarketTick[],
  rules?: OracleRules,
): Map<string, ExpectedSymbol> {
  const bySymbol = new Map<string, Tick[]>();
  for (const { symbol, price, time } of ticks) {
    const own = bySymbol.get(symbol);
    if (own === undefined) bySymbol.set(symbol, [{ price, time }]);
    else own.push({ price, time });
  }
  return new Map([...bySymbol].map(([symbol, own]) => [symbol, expectedSymbol(own, rules)]));
}
