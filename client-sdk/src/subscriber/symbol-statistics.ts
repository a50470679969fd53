import type { SymbolValues } from '../../../src/protocol/index.ts';

/**
 * What is known of one symbol: a live view, changed in place by each frame. Copy what must not change.
 * A statistic that was not asked for is NaN.
 */
export interface SymbolStatistics {
  /** The symbol that they are of. */
  readonly symbol: string;
  /** The server's number for the symbol, for as long as the epoch lasts. */
  readonly symbolId: number;
  /** Price of the newest tick: the one with the greatest timestamp. */
  readonly currentPrice: number;
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
  /** The fields that the newest entry carried, as bits of `Field`; with 64 it replaced everything. */
  readonly changed: number;
  /** `currentPrice` before the newest entry; NaN when that was the first. */
  readonly previousPrice: number;
  /** `updateCount` before the newest entry; NaN when that was the first. */
  readonly previousUpdateCount: number;
  /** `lastUpdateTime` before the newest entry, ms since the Unix epoch; NaN when that was the first. */
  readonly previousUpdateTime: number;
  /**
   * Whether the values are the server's newest: false from the loss of the connection until the first
   * entry on the next one, and for good once the server began a new epoch or no subscription covers
   * the symbol any more.
   */
  readonly isLive: boolean;
}

/** Counts connections: what was received in an earlier one is not live. */
export interface Life {
  generation: number;
}

/** A symbol of the mirror. */
export class MirroredSymbol implements SymbolStatistics {
  readonly symbol: string;
  readonly symbolId: number;
  /** What entries are applied to. */
  readonly values: Readonly<SymbolValues>;
  /** `lastUpdateTime` of the first entry ever received. */
  readonly firstTime: number;
  changed = 0;
  previousPrice = NaN;
  previousUpdateCount = NaN;
  previousUpdateTime = NaN;
  readonly #life: Readonly<Life>;
  #generation = -1;
  #price = NaN;
  #count = NaN;
  #time = NaN;

  constructor(symbolId: number, symbol: string, values: Readonly<SymbolValues>, life: Life) {
    this.symbolId = symbolId;
    this.symbol = symbol;
    this.values = values;
    this.firstTime = values.time;
    this.#life = life;
  }

  get currentPrice(): number {
    return this.values.price;
  }

  get movingAverage(): number {
    return this.values.average;
  }

  get updateCount(): number {
    return this.values.count;
  }

  get lastUpdateTime(): number {
    return this.values.time;
  }

  get minPrice(): number {
    return this.values.min;
  }

  get maxPrice(): number {
    return this.values.max;
  }

  get isLive(): boolean {
    return this.#generation === this.#life.generation;
  }

  /** Nothing brings it up to date any more. */
  retire(): void {
    this.#generation = -1;
  }

  /** Called after each entry. */
  note(mask: number): void {
    this.#generation = this.#life.generation;
    this.changed = mask;
    this.previousPrice = this.#price;
    this.previousUpdateCount = this.#count;
    this.previousUpdateTime = this.#time;
    const { price, count, time } = this.values;
    this.#price = price;
    this.#count = count;
    this.#time = time;
  }
}
