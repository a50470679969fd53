/**
 * The statistics of one symbol: a plain object that each frame changes in place. A copy, by
 * whatever means, has all fields; `Subscriber.snapshot` makes one only when a field changed.
 * Statistics that were not asked for are NaN, which JSON writes as null.
 */
export interface SymbolStatistics {
  /** The symbol. */
  readonly symbol: string;
  /** The server's number for the symbol, valid within the epoch. */
  readonly symbolId: number;
  /** Price of the newest tick by timestamp. */
  readonly currentPrice: number;
  /** Mean of the last ticks applied, 64 unless the server is configured otherwise. */
  readonly movingAverage: number;
  /** Ticks applied since the epoch began. */
  readonly updateCount: number;
  /** Greatest timestamp of a tick, ms since the Unix epoch. */
  readonly lastUpdateTime: number;
  /** Lowest price of all ticks applied. */
  readonly minPrice: number;
  /** Highest price of all ticks applied. */
  readonly maxPrice: number;
  /** Fields of the newest entry, as bits of `Field`; with 64 it replaced everything. */
  readonly changed: number;
  /** `currentPrice` before the newest entry; NaN if that was the first. */
  readonly previousPrice: number;
  /** `updateCount` before the newest entry; NaN if that was the first. */
  readonly previousUpdateCount: number;
  /**
   * `lastUpdateTime` before the newest entry, ms since the Unix epoch; NaN if that was the first.
   */
  readonly previousUpdateTime: number;
  /**
   * Whether the values are the server's newest, give or take the option `lagMs`. False while data
   * lags, and from the loss of the connection until the first entry on the next one; false for good
   * after a new epoch, or when no subscription covers the symbol.
   */
  readonly isLive: boolean;
}

/**
 * The statistics of one symbol at one moment, frozen. The same object as before if no field
 * changed.
 */
export type SymbolSnapshot = Readonly<SymbolStatistics>;
