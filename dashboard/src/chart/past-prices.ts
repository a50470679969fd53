import type { HttpApi } from '../http-api.ts';
import type { PastPrices, PriceHistory } from './price-history.ts';

/** Points of the past: one for each pixel or two. */
const POINTS = 600;
/** Shortest time between two points, ms. */
const EVERY_MS_MIN = 100;
const EVERY_MS_MAX = 86_400_000;
/** Ranges up to here are covered by what is observed once the past was loaded, seconds. */
const OBSERVED_SECONDS = 900;
/** A longer range is loaded again after this share of it, and at most after so many ms. */
const SHARE_AGED = 1 / 60;
const AGED_MS_MAX = 300_000;

/** Loads the prices of one symbol from before the page was open, as far as the chart shows them. */
export class PastLoader {
  readonly #api: HttpApi;
  #loadedAtMs = Number.NEGATIVE_INFINITY;

  constructor(api: HttpApi) {
    this.#api = api;
  }

  /** Whether the past should be loaded again: a long range has moved on. */
  isAged(nowMs: number, rangeSeconds: number): boolean {
    if (rangeSeconds <= OBSERVED_SECONDS) return false;
    return nowMs - this.#loadedAtMs >= Math.min(AGED_MS_MAX, rangeSeconds * 1000 * SHARE_AGED);
  }

  /**
   * Loads the past of a symbol into its history.
   *
   * @param rangeSeconds that the chart shows; Infinity: all there is
   * @param serverTime ms since the epoch
   */
  async load(
    symbol: string,
    history: PriceHistory,
    rangeSeconds: number,
    serverTime: number,
  ): Promise<void> {
    this.#loadedAtMs = performance.now();
    try {
      history.setPast(await this.#read(symbol, rangeSeconds, serverTime));
    } catch {
      // The next load may succeed, and live prices are shown meanwhile.
    }
  }

  async #read(symbol: string, rangeSeconds: number, to: number): Promise<PastPrices> {
    let from = Math.max(0, to - rangeSeconds * 1000);
    if (rangeSeconds === Number.POSITIVE_INFINITY) {
      const [first] = await this.#api.ticksOf(symbol, { from, limit: 1 });
      if (first === undefined) return { times: [], prices: [] };
      from = Date.parse(first.timestamp);
    }
    const every = Math.ceil(Math.max(EVERY_MS_MIN, (to - from) / POINTS));
    const limit = POINTS + 2;
    const range = { from, to, every: Math.min(EVERY_MS_MAX, every), limit };
    return inOrder(await this.#api.ticksOf(symbol, range));
  }
}

/** Ticks come in the order of their arrival; the chart's times must not decrease. */
function inOrder(ticks: readonly { price: number; timestamp: string }[]): PastPrices {
  const times: number[] = [];
  const prices: number[] = [];
  for (const { price, timestamp } of ticks) {
    const time = Date.parse(timestamp);
    if (time < (times.at(-1) ?? 0)) continue;
    times.push(time);
    prices.push(price);
  }
  return { times, prices };
}
