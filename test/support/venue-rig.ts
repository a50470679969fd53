import { expect } from 'vitest';
import type { ScriptedTrade } from '../../feeds/exchange/dialect.ts';
import { DIALECTS } from '../../feeds/exchange/dialects.ts';
import { VENUES } from '../../feeds/venues/all-venues.ts';
import { type NaiveTrade, naiveTrades } from '../../testkit/independent/naive-trades.ts';
import { until } from '../../testkit/until.ts';
import { type FeedRig, type FeedRigOptions, feedForTest, type PublishedTick } from './feed-rig.ts';

export type VenueId = keyof typeof DIALECTS;

/** Every venue that has a dialect: all of them. */
export const VENUE_IDS = [...VENUES.keys()] as VenueId[];

/** Two that the venue lists, and one that it does not. */
export const SYMBOLS: Readonly<Record<VenueId, readonly [string, string, string]>> = {
  binance: ['BTCUSDT', 'ETHUSDT', 'NONEUSDT'],
  'binance-futures': ['BTCUSDT', 'ETHUSDT', 'NONEUSDT'],
  coinbase: ['BTC-USD', 'ETH-USD', 'NONE-USD'],
  'coinbase-advanced': ['BTC-USD', 'ETH-USD', 'NONE-USD'],
  kraken: ['BTC/USD', 'ETH/USD', 'NONE/USD'],
  okx: ['BTC-USDT', 'ETH-USDT', 'NONE-USDT'],
  bybit: ['BTCUSDT', 'ETHUSDT', 'NONEUSDT'],
  'bybit-linear': ['BTCUSDT', 'ETHPERP', 'NONEUSDT'],
  deribit: ['BTC-PERPETUAL', 'ETH-27DEC24', 'NONE-PERPETUAL'],
  bitstamp: ['btcusd', 'etheur', 'noneusd'],
  hyperliquid: ['BTC', '@107', 'NONE'],
  alpaca: ['AAPL', 'BRK.B', 'NONE'],
  massive: ['AAPL', 'BRK.B', 'NONE'],
};

/** Those with a login, which allow one connection. */
export const SINGLE_CONNECTION_VENUES = VENUE_IDS.filter((id) => 'login' in DIALECTS[id]);

const KEYS = { feed: { keyEnv: 'KEY', secretEnv: 'SECRET' }, env: { KEY: 'k1', SECRET: 's1' } };

export interface VenueRig extends FeedRig {
  readonly venue: VenueId;
  readonly first: string;
  readonly second: string;
  /** Messages of trades that the feed was sent, oldest first. */
  readonly tape: readonly string[];
}

/** A live feed of two symbols of a venue, with a key where the venue wants one. */
export async function venueForTest(
  venue: VenueId,
  options: FeedRigOptions & { readonly symbols?: readonly string[] } = {},
): Promise<VenueRig> {
  const [first, second] = SYMBOLS[venue];
  const login = 'login' in DIALECTS[venue] ? KEYS : undefined;
  const tape: string[] = [];
  const rig = await feedForTest(venue, options.symbols ?? [first, second], {
    ...options,
    feed: { ...login?.feed, ...options.feed },
    env: { ...login?.env, ...options.env },
    prepare: (exchange) => {
      exchange.onTrades = (text) => void tape.push(text);
      options.prepare?.(exchange);
    },
  });
  return { ...rig, venue, first, second, tape };
}

/** The same trades of both symbols. */
export function ofBoth({ first, second }: VenueRig, trades: readonly ScriptedTrade[]) {
  return trades.flatMap((each) => [
    { ...each, symbol: first },
    { ...each, symbol: second },
  ]);
}

/** Waits until the feed has taken every trade on the tape. */
export async function allTaken({ feed, venue, tape }: VenueRig): Promise<void> {
  const taken = () => Object.values(feed.counts.trades).reduce((sum, count) => sum + count, 0);
  await until(() => taken() === tape.flatMap((text) => naiveTrades(venue, text)).length);
}

/**
 * Compares what was published, and what counts as missed, with a naive reading of the tape: each id
 * once, and where ids rise, none behind a later message's.
 */
export function expectEachOnce({ feed, publisher, venue, tape }: VenueRig): void {
  const { ids, gapsCount } = feed.settings.venue;
  const expected = new Map<string, NaiveTrade[]>();
  for (const text of tape) {
    const fresh = naiveTrades(venue, text).filter(({ symbol, id }) => {
      const before = expected.get(symbol) ?? [];
      return !before.some((each) => each.id === id || (ids === 'rising' && +each.id > +id));
    });
    for (const trade of fresh) {
      expected.set(trade.symbol, [...(expected.get(trade.symbol) ?? []), trade]);
    }
  }
  let missed = 0;
  const ticks = [...expected].flatMap(([symbol, trades]) => {
    const numbers = trades.map(({ id }) => Number(id));
    if (gapsCount) missed += Math.max(...numbers) - Math.min(...numbers) + 1 - trades.length;
    return trades.map(({ price, time }) => ({
      symbol: `${venue.toUpperCase()}:${symbol}`,
      price: Number(price),
      time: Number(time),
    }));
  });
  expect(publisher.ticks.toSorted(byTime)).toEqual(ticks.toSorted(byTime));
  expect(feed.counts.missed).toBe(missed);
  expect(feed.counts.trades.published).toBe(ticks.length);
}

function byTime(a: PublishedTick, b: PublishedTick): number {
  return (a.time ?? 0) - (b.time ?? 0) || (a.symbol < b.symbol ? -1 : 1);
}
