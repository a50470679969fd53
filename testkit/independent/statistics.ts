/*
 * The statistics and the anomaly rule a second time, straight from their definition
 * (docs/SEMANTICS.md): slow, plain, sharing no code and no data structure with the engine. Means
 * and windows are worked out anew for each tick from the list of all ticks; nothing is ever added
 * to one or taken out of it.
 */

/** One price of one symbol; `time` in ms since the epoch. */
export interface NaiveTick {
  readonly price: number;
  readonly time: number;
}

/** A tick that says whose price it is. */
export interface NaiveMarketTick extends NaiveTick {
  readonly symbol: string;
}

/** What may be configured, with the defaults of the server. */
export interface NaiveParameters {
  /** Ticks in the moving average. */
  readonly movingAverageWindow: number;
  readonly slidingWindowMilliseconds: number;
  readonly anomalyThresholdPercent: number;
}

export const NAIVE_DEFAULTS: NaiveParameters = {
  movingAverageWindow: 64,
  slidingWindowMilliseconds: 1000,
  anomalyThresholdPercent: 2,
};

export interface NaiveStatistics {
  readonly currentPrice: number;
  /** The mean of the window, exact but for the one rounding to a double. */
  readonly movingAverage: number;
  readonly updateCount: number;
  readonly lastUpdateTime: number;
  readonly minPrice: number;
  readonly maxPrice: number;
}

export interface NaiveAnomaly {
  readonly sequence: number;
  readonly direction: 'Up' | 'Down';
  readonly referencePrice: number;
  readonly newPrice: number;
  readonly changePercent: number;
  readonly timestamp: number;
}

export interface NaiveResult {
  /** The statistics after each tick. */
  readonly after: readonly NaiveStatistics[];
  readonly anomalies: readonly NaiveAnomaly[];
  /** How many ticks were late. */
  readonly late: number;
}

/** What the ticks of one symbol, in the order in which they were applied, come to. */
export function naiveStatistics(
  ticks: readonly NaiveTick[],
  parameters: NaiveParameters = NAIVE_DEFAULTS,
): NaiveResult {
  const after: NaiveStatistics[] = [];
  const onTime: NaiveTick[] = [];
  const anomalies: NaiveAnomaly[] = [];
  for (const [index, tick] of ticks.entries()) {
    const before = after.at(-1);
    const isLate = before !== undefined && tick.time < before.lastUpdateTime;
    if (!isLate) {
      onTime.push(tick);
      for (const found of anomaliesOf(onTime, parameters)) {
        anomalies.push({ sequence: anomalies.length + 1, ...found });
      }
    }
    const averaged = ticks.slice(
      Math.max(0, index + 1 - parameters.movingAverageWindow),
      index + 1,
    );
    after.push({
      currentPrice: before !== undefined && isLate ? before.currentPrice : tick.price,
      movingAverage: exactMean(averaged.map(({ price }) => price)),
      updateCount: index + 1,
      lastUpdateTime: before !== undefined && isLate ? before.lastUpdateTime : tick.time,
      minPrice: Math.min(tick.price, before?.minPrice ?? tick.price),
      maxPrice: Math.max(tick.price, before?.maxPrice ?? tick.price),
    });
  }
  return { after, anomalies, late: ticks.length - onTime.length };
}

/** The same for the ticks of many symbols in one list. */
export function naiveMarket(
  ticks: readonly NaiveMarketTick[],
  parameters: NaiveParameters = NAIVE_DEFAULTS,
): Map<string, NaiveResult> {
  const bySymbol = new Map<string, NaiveTick[]>();
  for (const { symbol, price, time } of ticks) {
    const own = bySymbol.get(symbol);
    if (own === undefined) bySymbol.set(symbol, [{ price, time }]);
    else own.push({ price, time });
  }
  return new Map([...bySymbol].map(([symbol, own]) => [symbol, naiveStatistics(own, parameters)]));
}

/** The anomalies that the last of the ticks which were not late raises, Up first. */
function anomaliesOf(
  onTime: readonly NaiveTick[],
  { slidingWindowMilliseconds, anomalyThresholdPercent }: NaiveParameters,
): Omit<NaiveAnomaly, 'sequence'>[] {
  const { price, time } = onTime.at(-1) as NaiveTick;
  let min = price;
  let max = price;
  // Times never decrease here, so the window ends at the first tick, going back, that is too old.
  for (let at = onTime.length - 1; at >= 0; at--) {
    const tick = onTime[at] as NaiveTick;
    if (tick.time < time - slidingWindowMilliseconds) break;
    min = Math.min(min, tick.price);
    max = Math.max(max, tick.price);
  }
  // A move beyond every double is reported as the largest one.
  const up = Math.min(((price - min) / min) * 100, Number.MAX_VALUE);
  const down = ((price - max) / max) * 100;
  const common = { newPrice: price, timestamp: time };
  const found: Omit<NaiveAnomaly, 'sequence'>[] = [];
  if (up - anomalyThresholdPercent > EQUAL_WITHIN) {
    found.push({ direction: 'Up', referencePrice: min, changePercent: up, ...common });
  }
  if (-down - anomalyThresholdPercent > EQUAL_WITHIN) {
    found.push({ direction: 'Down', referencePrice: max, changePercent: down, ...common });
  }
  return found;
}

/**
 * A change this close to the threshold, in percent points, is equal to it, and so not beyond it.
 */
const EQUAL_WITHIN = 1e-9;

/**
 * The mean of positive doubles with one rounding, at the end: the sum is kept as a whole number of
 * 2^-1074, the unit of which every double is a multiple. Only for means above 1e-290.
 */
export function exactMean(prices: readonly number[]): number {
  let sum = 0n;
  for (const price of prices) sum += unitsOf(price);
  // 64 bits beyond the unit keep the division's error away from the final rounding; a sticky last
  // bit settles ties.
  const count = BigInt(prices.length);
  const scaled = sum << 64n;
  let quotient = scaled / count;
  let exponent = -1074 - 64;
  let isInexact = scaled % count !== 0n;
  const spareBits = Math.max(0, quotient.toString(2).length - 64);
  isInexact ||= BigInt.asUintN(spareBits, quotient) !== 0n;
  quotient >>= BigInt(spareBits);
  exponent += spareBits;
  if (isInexact) quotient |= 1n;
  return Number(quotient) * 2 ** exponent;
}

const view = new DataView(new ArrayBuffer(8));

/** A positive double in units of 2^-1074. */
function unitsOf(value: number): bigint {
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = bits >> 52n;
  const fraction = BigInt.asUintN(52, bits);
  return exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n);
}
