import type { SymbolStatistics } from '../../client-sdk/src/index.ts';
import type { SymbolSnapshot } from './http-api.ts';
import { PriceTrail } from './price-trail.ts';

/** What the page knows of a symbol: from the list of all, or live while the row is in sight. */
export class SymbolRow {
  readonly symbol: string;
  price = Number.NaN;
  average = Number.NaN;
  min = Number.NaN;
  max = Number.NaN;
  count = 0;
  /** Of the newest tick, ms since the epoch by the server's clock. */
  time = Number.NaN;
  /** Goes up with each change, so that a view sees at once whether it shows the present state. */
  version = 0;
  /** Goes up with each new point of the trail. */
  trailVersion = 0;
  trail: PriceTrail | undefined;
  #live: SymbolStatistics | undefined;

  constructor(symbol: string) {
    this.symbol = symbol;
  }

  /** Whether what it shows came before the connection was lost, and nothing since. */
  get isStale(): boolean {
    return this.#live !== undefined && !this.#live.isLive;
  }

  /** Takes values of the list, unless newer ones are there: ticks are only ever added. */
  takeSnapshot(snapshot: SymbolSnapshot): void {
    if (this.#live?.isLive === false) this.#live = undefined;
    if (snapshot.updateCount <= this.count) return;
    this.price = snapshot.currentPrice;
    this.average = snapshot.movingAverage;
    this.min = snapshot.minPrice;
    this.max = snapshot.maxPrice;
    this.count = snapshot.updateCount;
    this.time = Date.parse(snapshot.lastUpdateTime);
    this.version++;
  }

  /** Takes live values at a time of this machine's steady clock. */
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
