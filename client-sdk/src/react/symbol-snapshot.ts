import type { SymbolStatistics } from '../subscriber/symbol-statistics.ts';

/** What is known of one symbol at one moment; frozen. A statistic that was not asked for is NaN. */
export interface SymbolSnapshot {
  /** The symbol that it is of. */
  readonly symbol: string;
  /** Price of the newest tick: the one with the greatest timestamp. */
  readonly currentPrice: number;
  /** `currentPrice` before the newest entry; NaN when that was the first. */
  readonly previousPrice: number;
  /** Mean of the last ticks applied; how many is the server's choice (64 unless configured). */
  readonly movingAverage: number;
  /** Ticks applied since the epoch began. */
  readonly updateCount: number;
  /** The greatest timestamp of a tick, ms since the Unix epoch. */
  readonly lastUpdateTime: number;
  /** The lowest price of all ticks applied. */
  readonly minPrice: number;
  /** The highest price of all ticks applied. */
  readonly maxPrice: number;
  /** Whether the values are the server's newest: false while the connection is lost. */
  readonly isLive: boolean;
}

const FIELDS = [
  'symbol',
  'currentPrice',
  'previousPrice',
  'movingAverage',
  'updateCount',
  'lastUpdateTime',
  'minPrice',
  'maxPrice',
  'isLive',
] as const satisfies readonly (keyof SymbolStatistics & keyof SymbolSnapshot)[];

const newest = new WeakMap<SymbolStatistics, SymbolSnapshot>();

/** The statistics as they are now: the same object for as long as no field changes. */
export function snapshotOf(statistics: SymbolStatistics): SymbolSnapshot {
  const last = newest.get(statistics);
  if (last !== undefined && isUnchanged(last, statistics)) return last;
  const values = FIELDS.map((field) => [field, statistics[field]]);
  const snapshot = Object.freeze(Object.fromEntries(values)) as SymbolSnapshot;
  newest.set(statistics, snapshot);
  return snapshot;
}

function isUnchanged(last: SymbolSnapshot, now: SymbolStatistics): boolean {
  return FIELDS.every((field) => Object.is(last[field], now[field]));
}
