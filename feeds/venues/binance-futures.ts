import type { Venue } from '../venue.ts';
import { binanceVenue } from './binance.ts';

/**
 * Binance USD-M futures. Sources: "Websocket Market Streams" and "Aggregate Trade Streams", USDⓈ-M
 * Futures, Binance Open Platform.
 *
 * The messages are those of spot: see its table. Always `aggTrade`, fills of one order at one
 * price within 100 ms: single trades are an undocumented stream. The id is `a`, which rises by one.
 * Trades of the insurance fund and of auto-deleveraging are in no aggregate, so that `f` to `l` has
 * holes though nothing is missed. Should single trades come (a `url` may name streams), those
 * marked so in `X` set no price.
 *
 * Limits: 10 messages a second to the venue; 1024 streams and 24 hours a connection. Not verified
 * live: the address, which moved in 2026, and the answer to an unknown symbol.
 */
export function binanceFutures(): Venue {
  return {
    ...binanceVenue('aggTrade'),
    id: 'binance-futures',
    name: 'Binance USD-M futures',
    url: () => 'wss://fstream.binance.com/market/stream',
    limits: { framesPerSecond: 8, symbolsPerConnection: 1024 },
    // A ping every 3 minutes.
    silentAfterMs: 200_000,
  };
}
