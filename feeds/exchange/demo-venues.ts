import { binance } from './dialects/binance.ts';
import { kraken } from './dialects/kraken.ts';
import { ScriptedExchange } from './scripted-exchange.ts';
import { ScriptedMarket } from './scripted-market.ts';

/**
 * Two made-up venues on loopback, for who has no internet. Their trades never end, and every few
 * seconds something goes wrong at one of them.
 */
export class DemoVenues {
  readonly #exchanges: readonly ScriptedExchange[];
  readonly #markets: readonly ScriptedMarket[];
  /** Feeds of them, in the form of a configuration. */
  readonly feeds: readonly object[];

  static async start(): Promise<DemoVenues> {
    return new DemoVenues(
      await ScriptedExchange.start(binance),
      await ScriptedExchange.start(kraken),
    );
  }

  private constructor(spot: ScriptedExchange, other: ScriptedExchange) {
    this.#exchanges = [spot, other];
    this.#markets = [
      new ScriptedMarket(spot, {
        prices: { BTCUSDT: 64_000, ETHUSDT: 3100, SOLUSDT: 145, XRPUSDT: 0.52, DOGEUSDT: 0.11 },
        tradesPerSecond: 400,
        faultEveryMs: 9000,
      }),
      new ScriptedMarket(other, {
        prices: { 'BTC/USD': 64_010, 'ETH/USD': 3101, 'ADA/USD': 0.35 },
        tradesPerSecond: 60,
        faultEveryMs: 14_000,
      }),
    ];
    this.feeds = [
      {
        name: 'demo-binance',
        venue: 'binance',
        url: spot.url,
        // The last has no trades: a quiet symbol is no fault.
        symbols: ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT', 'DOGEUSDT', 'QUIETUSDT'],
      },
      {
        name: 'demo-kraken',
        venue: 'kraken',
        url: other.url,
        symbols: ['BTC/USD', 'ETH/USD', 'ADA/USD'],
      },
    ];
  }

  async stop(): Promise<void> {
    for (const market of this.#markets) market.stop();
    await Promise.all(this.#exchanges.map((exchange) => exchange.stop()));
  }
}
