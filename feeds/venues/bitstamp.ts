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
import {
  idOf,
  microsecondsOf,
  priceOf,
  readTrades,
  secondsOf,
  symbolOf,
} from './fields/trade-fields.ts';

const CHANNEL = 'live_trades_';

/**
 * Bitstamp. Source: "Bitstamp WebSocket API v2".
 *
 * | field | of | read as |
 * |---|---|---|
 * | `event` | every message | `trade` and those of `bts:`; others ignored |
 * | `channel` | trade, answers | `live_trades_` and the symbol, `btcusd` |
 * | `data.id` | trade | id; of all markets together, so jumps say nothing |
 * | `data.price_str` | trade | price. Not `price`: 3651.3000000000002 for 3651.30 |
 * | `data.microtimestamp` | trade | time, µs, text; else `timestamp`, s, text |
 * | `data.code`, `.message` | `bts:error` | refusal |
 * | | `bts:request_reconnect` | the connection will close |
 *
 * Limits: a connection lives 90 days. Not verified live: the channel of an error is empty for an
 * unknown market, so the oldest request without an answer is taken to be refused.
 */
export function bitstamp(): Venue {
  return {
    id: 'bitstamp',
    name: 'Bitstamp',
    url: () => 'wss://ws.bitstamp.net',
    ids: 'unique',
    gapsCount: false,
    subscribeFrames: (symbols, requestId) =>
      framesOf(symbols, 1, requestId, ([symbol]) => ({
        event: 'bts:subscribe',
        data: { channel: `${CHANNEL}${symbol}` },
      })),
    keepAlive: { everyMs: 30_000, text: JSON.stringify({ event: 'bts:heartbeat' }) },
    limits: { framesPerSecond: 10, symbolsPerConnection: 200 },
    silentAfterMs: 75_000,
    // Long before it must be, and within what a timer can wait (24 days).
    rotateAfterMs: 20 * 86_400_000,
    parse: jsonParser(jsonReaderOfLongIds('id'), eventsOf),
  };
}

function eventsOf(value: unknown): Events {
  const frame = objectOf(value);
  if (typeof frame?.event !== 'string') return malformed('no event');
  const symbol = marketOf(frame.channel);
  switch (frame.event) {
    case 'trade':
      return symbol === undefined
        ? IGNORED
        : readTrades([frame.data], (entry) => fieldsOf(entry, symbol));
    case 'bts:subscription_succeeded':
      return symbol === undefined ? IGNORED : [subscribed([symbol])];
    case 'bts:error': {
      const data = objectOf(frame.data);
      return [refused({ reason: reasonOf(data?.code, data?.message), symbol })];
    }
    case 'bts:request_reconnect':
      return [{ kind: 'reconnect', reason: 'the venue asks to' }];
    case 'bts:heartbeat':
      return HEARTBEAT;
    default:
      return IGNORED;
  }
}

function marketOf(channel: unknown): string | undefined {
  const isTrades = typeof channel === 'string' && channel.startsWith(CHANNEL);
  return isTrades ? symbolOf(channel.slice(CHANNEL.length)) : undefined;
}

function fieldsOf(entry: Fields, symbol: string) {
  return {
    symbol,
    id: idOf(entry.id),
    price: priceOf(entry.price_str ?? entry.price),
    time:
      entry.microtimestamp === undefined
        ? secondsOf(entry.timestamp)
        : microsecondsOf(entry.microtimestamp),
  };
}
