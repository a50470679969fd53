import type { SymbolValues } from '../../../src/protocol/index.ts';

/**
 * The statistics of one symbol: a live view, changed in place by each frame. Copy what must not
 * change. Statistics that were not asked for are NaN.
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
   * Whether the values are the server's newest. False from the loss of the connection until the
   * first entry on the next one; false for good after a new epoch, or when no subscription covers
   * the symbol.
   */
  readonly isLive: boolean;
}

/** Counts connections: data of an earlier one is not live. */
export interface Life {
  generation: number;
}

/** A symbol of the mirror. */
export class MirroredSymbol implements SymbolStatistics {
  readonly symbol: string;
  readonly symbolId: number;
  /** What entries are applied to. */
  readonly values: Readonly<SymbolValues>;
  /** `lastUpdateTime` of the first entry. */
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

  /** No longer updated. */
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
