import type { Venue } from '../venue.ts';
import {
  type Events,
  type Fields,
  HEARTBEAT,
  IGNORED,
  jsonParser,
  jsonReaderOfLongIds,
  malformed,
  objectOf,
  reasonOf,
} from './fields/json-message.ts';
import { framesOf, refused, requestIdOf, subscribed } from './fields/subscriptions.ts';
import {
  countingIdOf,
  priceOf,
  readTrades,
  rfc3339Of,
  secondsOf,
  symbolOf,
} from './fields/trade-fields.ts';

/**
 * Kraken spot. Sources: "Trades", "Heartbeat" and "Spot WebSocket Introduction", Spot WebSocket v2,
 * and "Trade", v1, Kraken API documentation.
 *
 * | field | of | read as |
 * |---|---|---|
 * | `channel` | v2 data | `trade`, `heartbeat`; others ignored |
 * | `data[]` | trade | several trades, of several orders perhaps |
 * | `symbol` | a trade | symbol, `BTC/USD` |
 * | `trade_id` | a trade | id, rises by one a symbol |
 * | `price` | a trade | a number: there is no text |
 * | `timestamp` | a trade | RFC 3339, µs |
 * | `method`, `success`, `result.symbol`, `symbol`, `error`, `req_id` | answers | one a symbol |
 *
 * v1 (a `url` of one's own, recorded sessions) sends arrays, `[channel, [[price, volume, time,
 * side, type, misc]…], "trade", pair]`, with prices and times (seconds) as text and without ids:
 * duplicates are then not seen.
 *
 * Limits: a heartbeat about a second; 150 connections in 10 minutes from an address. Not verified
 * live: how many symbols a request may name.
 */
export function kraken(): Venue {
  return {
    id: 'kraken',
    name: 'Kraken',
    url: () => 'wss://ws.kraken.com/v2',
    ids: 'rising',
    gapsCount: true,
    subscribeFrames: (symbols, requestId) =>
      framesOf(symbols, 100, requestId, (part, id) => ({
        method: 'subscribe',
        params: { channel: 'trade', symbol: part, snapshot: false },
        req_id: id,
      })),
    limits: { framesPerSecond: 5, symbolsPerConnection: 500 },
    silentAfterMs: 15_000,
    parse: jsonParser(jsonReaderOfLongIds('trade_id'), eventsOf),
  };
}

function eventsOf(value: unknown): Events {
  if (Array.isArray(value)) return arrayEvents(value);
  const frame = objectOf(value);
  if (frame?.channel === 'trade') return readTrades(frame.data, tradeOf);
  if (frame?.channel === 'heartbeat' || frame?.event === 'heartbeat') return HEARTBEAT;
  if (frame?.method === 'pong' || frame?.event === 'pong') return HEARTBEAT;
  if (frame?.method === 'subscribe') return answerOf(frame);
  if (frame?.event === 'subscriptionStatus') return answerOfVersion1(frame);
  if (typeof frame?.error === 'string') return [refused({ reason: reasonOf(frame.error) })];
  const isKnown = [frame?.channel, frame?.method, frame?.event].some(
    (name) => typeof name === 'string',
  );
  return isKnown ? IGNORED : malformed('no channel');
}

function tradeOf(entry: Fields) {
  return {
    symbol: symbolOf(entry.symbol),
    id: countingIdOf(entry.trade_id),
    price: priceOf(entry.price),
    time: rfc3339Of(entry.timestamp),
  };
}

const TOO_MANY = /rate limit|msg rate|too many|exceeded/i;

/** Every symbol of a request is answered alone, so an answer never speaks for the request. */
function answerOf(frame: Fields): Events {
  const result = objectOf(frame.result);
  const symbol = symbolOf(result?.symbol ?? frame.symbol);
  if (frame.success === true) {
    const isTrades = result?.channel === 'trade' && symbol !== undefined;
    return isTrades ? [subscribed([symbol])] : IGNORED;
  }
  const reason = reasonOf(frame.error);
  if (/already subscribed/i.test(reason) && symbol !== undefined) return [subscribed([symbol])];
  const retryAfterMs = TOO_MANY.test(reason) ? 5000 : undefined;
  const requestId = symbol === undefined ? requestIdOf(frame.req_id) : undefined;
  return [refused({ reason, symbol, requestId, retryAfterMs })];
}

function answerOfVersion1(frame: Fields): Events {
  const symbol = symbolOf(frame.pair);
  if (frame.status === 'error') return [refused({ reason: reasonOf(frame.errorMessage), symbol })];
  const isTrades = objectOf(frame.subscription)?.name === 'trade' && symbol !== undefined;
  return frame.status === 'subscribed' && isTrades ? [subscribed([symbol])] : IGNORED;
}

function arrayEvents(frame: readonly unknown[]): Events {
  if (frame.at(-2) !== 'trade') return frame.length >= 4 ? IGNORED : malformed('no channel');
  const symbol = symbolOf(frame.at(-1));
  return readTrades(frame[1], (entry) => ({
    symbol,
    id: null,
    price: priceOf(entry[0]),
    time: secondsOf(entry[2]),
  }));
}
