import type { Venue, VenueOptions } from '../venue.ts';
import {
  type Events,
  type Fields,
  IGNORED,
  jsonParser,
  jsonReaderOfLongIds,
  malformed,
  objectOf,
  reasonOf,
} from './fields/json-message.ts';
import { framesOf, refused, requestIdOf } from './fields/subscriptions.ts';
import { countingIdOf, msOf, priceOf, readTrades, symbolOf } from './fields/trade-fields.ts';

/**
 * Binance spot. Source: "WebSocket Streams for Binance", binance-spot-api-docs.
 *
 * | field | of | read as |
 * |---|---|---|
 * | `stream`, `data` | every message at `/stream`; `/ws` sends the data bare | both forms |
 * | `e` | every event | `trade`, `aggTrade`, `serverShutdown`; others ignored |
 * | `s` | trade, aggTrade | symbol |
 * | `t`; `a` | trade; aggTrade | id, rises by one; what `a` merges is `f` to `l` |
 * | `p` | both | price, text |
 * | `T` | both | time, ms. Not `E`, which is when the message was made |
 * | `X` | trades of futures | kind of trade; see `NO_MARKET` |
 * | `result`, `id` | answers | null is consent |
 * | `code` and `msg`, bare or in `error` | answers | refusal |
 *
 * Limits: 5 messages a second to the venue, pongs included; 1024 streams and 24 hours a connection;
 * 300 connections in 5 minutes. Not verified live: what is said to an unknown symbol (reported: a
 * consent, then silence). A `url` with `timeUnit=MICROSECOND` has times in µs, which are refused as
 * too far ahead.
 */
export function binance(options: VenueOptions): Venue {
  return {
    ...binanceVenue(options.price === 'aggregate' ? 'aggTrade' : 'trade'),
    id: 'binance',
    name: 'Binance spot',
    url: () => 'wss://stream.binance.com:9443/stream',
    // One less than allowed: the answers to pings count too.
    limits: { framesPerSecond: 4, symbolsPerConnection: 1024 },
    // A ping every 20 s.
    silentAfterMs: 65_000,
  };
}

/** What spot and futures have in common. */
export function binanceVenue(
  stream: 'trade' | 'aggTrade',
): Pick<Venue, 'ids' | 'gapsCount' | 'subscribeFrames' | 'rotateAfterMs' | 'parse'> {
  return {
    ids: 'rising',
    gapsCount: true,
    subscribeFrames: (symbols, requestId) =>
      framesOf(symbols, 100, requestId, (part, id) => ({
        method: 'SUBSCRIBE',
        params: part.map((symbol) => `${symbol.toLowerCase()}@${stream}`),
        id,
      })),
    rotateAfterMs: 23 * 3_600_000,
    parse: jsonParser(jsonReaderOfLongIds('[ta]'), eventsOf),
  };
}

/** Trades that were no match of two orders. `NA` comes with a price of 0. */
const NO_MARKET = new Set(['INSURANCE_FUND', 'ADL', 'NA']);

function eventsOf(value: unknown): Events {
  const frame = objectOf(value);
  const payload = typeof frame?.stream === 'string' ? frame.data : value;
  // Streams of all symbols are lists, and some events have no name: none is asked for.
  if (Array.isArray(payload)) return IGNORED;
  const data = objectOf(payload);
  if (data === undefined) return malformed('no object');
  if (data.e === 'trade') return readTrades([data], tradeOf);
  if (data.e === 'aggTrade') return readTrades([data], aggregateOf);
  if (data.e === 'serverShutdown') return [{ kind: 'reconnect', reason: 'server shutdown' }];
  const isOther = typeof data.e === 'string' || 'u' in data || 'bids' in data;
  return isOther ? IGNORED : answerOf(data);
}

function tradeOf(entry: Fields) {
  return fieldsOf(entry, entry.t);
}

function aggregateOf(entry: Fields) {
  return fieldsOf(entry, entry.a);
}

function fieldsOf(entry: Fields, id: unknown) {
  return {
    symbol: symbolOf(entry.s),
    id: countingIdOf(id),
    price: priceOf(entry.p),
    time: msOf(entry.T),
    excluded: NO_MARKET.has(entry.X as string),
  };
}

function answerOf(frame: Fields): Events {
  const requestId = requestIdOf(frame.id);
  const error = objectOf(frame.error) ?? frame;
  if ('code' in error || 'msg' in error)
    return [refused({ requestId, reason: reasonOf(error.code, error.msg) })];
  if (!('result' in frame)) return malformed('no known event');
  return frame.result === null && requestId !== undefined
    ? [{ kind: 'subscribed', requestId }]
    : IGNORED;
}
