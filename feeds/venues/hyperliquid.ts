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
import { framesOf, refused, subscribed } from './fields/subscriptions.ts';
import { idOf, msOf, priceOf, readTrades, symbolOf } from './fields/trade-fields.ts';

/**
 * Hyperliquid. Sources: "Subscriptions", "Timeouts and heartbeats" and "Rate limits and user
 * limits", Hyperliquid Docs.
 *
 * | field | of | read as |
 * |---|---|---|
 * | `channel` | every message | `trades`, `subscriptionResponse`, `error`, `pong`; others ignored |
 * | `data[]` | trades | several trades |
 * | `coin` | a trade | symbol: `BTC`; of spot `@107` or `PURR/USDC` |
 * | `tid` | a trade | id: a hash of both orders, in no order |
 * | `px` | a trade | price, text |
 * | `time` | a trade | ms, of the block |
 * | `data.subscription.coin` | subscriptionResponse | confirmed |
 * | `data` | error | text with the subscription in it |
 *
 * The first message of a coin repeats recent trades: their ids say which are known. Limits: closed
 * after 60 s without a message to the venue; 10 connections, 1000 subscriptions and 2000 messages a
 * minute an address. Not verified live: the words of errors.
 */
export function hyperliquid(): Venue {
  return {
    id: 'hyperliquid',
    name: 'Hyperliquid',
    url: () => 'wss://api.hyperliquid.xyz/ws',
    ids: 'unique',
    gapsCount: false,
    subscribeFrames: (symbols, requestId) =>
      framesOf(symbols, 1, requestId, ([coin]) => ({
        method: 'subscribe',
        subscription: { type: 'trades', coin },
      })),
    keepAlive: { everyMs: 30_000, text: JSON.stringify({ method: 'ping' }) },
    limits: { framesPerSecond: 20, symbolsPerConnection: 500 },
    silentAfterMs: 75_000,
    parse: jsonParser(jsonReaderOfLongIds('tid'), eventsOf),
  };
}

function eventsOf(value: unknown): Events {
  const frame = objectOf(value);
  if (typeof frame?.channel !== 'string') return malformed('no channel');
  switch (frame.channel) {
    case 'trades':
      return readTrades(frame.data, tradeOf);
    case 'subscriptionResponse': {
      const subscription = objectOf(objectOf(frame.data)?.subscription);
      const coin = symbolOf(subscription?.coin);
      const isTrades = subscription?.type === 'trades' && coin !== undefined;
      return isTrades ? [subscribed([coin])] : IGNORED;
    }
    case 'error':
      return errorOf(frame.data);
    case 'pong':
      return HEARTBEAT;
    default:
      return IGNORED;
  }
}

function tradeOf(entry: Fields) {
  return {
    symbol: symbolOf(entry.coin),
    id: idOf(entry.tid),
    price: priceOf(entry.px),
    time: msOf(entry.time),
  };
}

/** `Invalid subscription {"type":"trades","coin":"X"}`. */
function errorOf(data: unknown): Events {
  const reason = reasonOf(data);
  const symbol = /"coin":"([^"]+)"/.exec(reason)?.[1];
  if (/already subscribed/i.test(reason) && symbol !== undefined) return [subscribed([symbol])];
  const retryAfterMs = /too many|rate/i.test(reason) ? 30_000 : undefined;
  return [refused({ reason, symbol, retryAfterMs })];
}
