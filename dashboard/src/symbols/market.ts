import type { SymbolStatistics } from '../../../client-sdk/src/index.ts';
import type { SymbolSnapshot } from '../http-api.ts';

/** Most price trails kept; the oldest are dropped first. */
const TRAILS_MAX = 500;

/** All symbols of the server. */
export class Market {
  readonly #rows = new Map<string, SymbolRow>();
  readonly #withTrail = new Set<SymbolRow>();
  /** Number of the list that is being read, or was last. */
  #list = 0;

  get size(): number {
    return this.#rows.size;
  }

  get(symbol: string): SymbolRow | undefined {
    return this.#rows.get(symbol);
  }

  rows(): Iterable<SymbolRow> {
    return this.#rows.values();
  }

  /** The list is read from its start. */
  beginList(): void {
    this.#list++;
  }

  /** Takes a page of the list. */
  takePage(page: readonly SymbolSnapshot[]): void {
    for (const snapshot of page) this.#row(snapshot.symbol).takeSnapshot(snapshot);
  }

  /** The list was read to its end: drops the symbols that it lacks. */
  endList(): void {
    for (const { symbol, list } of this.#rows.values()) if (list < this.#list) this.remove(symbol);
  }

  /** Drops a symbol that is gone. */
  remove(symbol: string): void {
    const row = this.#rows.get(symbol);
    if (row === undefined) return;
    this.#rows.delete(symbol);
    this.#withTrail.delete(row);
  }

  /** Takes an entry of a live frame. */
  takeLive(live: SymbolStatistics, nowMs: number): SymbolRow {
    const row = this.#row(live.symbol);
    if (row.trail === undefined) this.#keepTrail(row);
    row.takeLive(live, nowMs);
    return row;
  }

  /** Drops everything: a new epoch started. */
  clear(): void {
    this.#rows.clear();
    this.#withTrail.clear();
  }

  #row(symbol: string): SymbolRow {
    let row = this.#rows.get(symbol);
    if (row === undefined) {
      row = new SymbolRow(symbol);
      this.#rows.set(symbol, row);
    }
    row.list = this.#list;
    return row;
  }

  #keepTrail(row: SymbolRow): void {
    this.#withTrail.add(row);
    if (this.#withTrail.size <= TRAILS_MAX) return;
    for (const oldest of this.#withTrail) {
      oldest.trail = undefined;
      this.#withTrail.delete(oldest);
      return;
    }
  }
}

/** The state of a symbol: from the list, or live while its row is visible. */
export class SymbolRow {
  readonly symbol: string;
  price = Number.NaN;
  average = Number.NaN;
  min = Number.NaN;
  max = Number.NaN;
  count = 0;
  /** Time of the newest tick, ms since the epoch by the server's clock. */
  time = Number.NaN;
  /** Number of the list during which it was last seen. */
  list = 0;
  /** Incremented by each change, so that views can see whether they are up to date. */
  version = 0;
  /** Incremented by each new point of the trail. */
  trailVersion = 0;
  trail: PriceTrail | undefined;
  #live: SymbolStatistics | undefined;

  constructor(symbol: string) {
    this.symbol = symbol;
  }

  /** Whether the values precede the loss of the connection. */
  get isStale(): boolean {
    return this.#live !== undefined && !this.#live.isLive;
  }

  /**
   * Takes values of the list unless newer ones are present: the count only grows, except where the
   * symbol was retired and has begun anew.
   */
  takeSnapshot(snapshot: SymbolSnapshot): void {
    if (this.#live?.isLive === false) this.#live = undefined;
    const isNewer = Date.parse(snapshot.lastUpdateTime) > this.time;
    if (snapshot.updateCount <= this.count && !isNewer) return;
    this.price = snapshot.currentPrice;
    this.average = snapshot.movingAverage;
    this.min = snapshot.minPrice;
    this.max = snapshot.maxPrice;
    this.count = snapshot.updateCount;
    this.time = Date.parse(snapshot.lastUpdateTime);
    this.version++;
  }

  /** Takes live values. `nowMs` is of the local monotonic clock. */
  takeLive(live: SymbolStatistics, nowMs: number): void {
    this.#live = live;
    this.price = live.currentPrice;
    this.average = live.movingAverage;
    this.min = live.minPrice;
    this.max = live.maxPrice;
    this.count = live.updateCount;
    this.time = live.lastUpdateTime;
    this.version++;
    this.trail ??= new PriceTrail();
    if (this.trail.add(nowMs, this.time, this.price, this.average)) this.trailVersion++;
  }
}

const POINTS_MAX = 60;
const SAMPLE_MS = 250;
/** After a gap of this length, earlier points are dropped. */
const GAP_MS = 60_000;

/** The last 60 prices of a symbol, at most four a second. */
export class PriceTrail {
  readonly times = new Float64Array(POINTS_MAX);
  readonly prices = new Float64Array(POINTS_MAX);
  readonly averages = new Float64Array(POINTS_MAX);
  length = 0;
  #sampledAtMs = Number.NEGATIVE_INFINITY;

  /** Adds a price; returns whether it became a new point. */
  add(nowMs: number, time: number, price: number, average: number): boolean {
    const sincePointMs = nowMs - this.#sampledAtMs;
    if (sincePointMs > GAP_MS) this.length = 0;
    const isNew = sincePointMs >= SAMPLE_MS;
    if (isNew) {
      this.#sampledAtMs = nowMs;
      if (this.length === POINTS_MAX) this.#shift();
      else this.length++;
    }
    const last = this.length - 1;
    this.times[last] = time;
    this.prices[last] = price;
    this.averages[last] = average;
    return isNew;
  }

  #shift(): void {
    for (const column of [this.times, this.prices, this.averages]) column.copyWithin(0, 1);
  }
}
