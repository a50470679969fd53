import type { Venue } from '../venue.ts';
import { coinbaseError } from './coinbase.ts';
import {
  type Events,
  type Fields,
  HEARTBEAT,
  IGNORED,
  jsonParser,
  jsonReaderOfLongIds,
  malformed,
  objectOf,
  textsOf,
} from './fields/json-message.ts';
import { framesOf, subscribed } from './fields/subscriptions.ts';
import { countingIdOf, priceOf, readTrades, rfc3339Of, symbolOf } from './fields/trade-fields.ts';

/**
 * Coinbase Advanced Trade. Sources: "Advanced Trade WebSocket Channels" and "Market trades",
 * Coinbase Developer Documentation.
 *
 * | field | of | read as |
 * |---|---|---|
 * | `channel` | all but errors | `market_trades`, `heartbeats`, `subscriptions`; else ignored |
 * | `events[].trades[]` | market_trades | the trades of up to 250 ms, newest first |
 * | `product_id` | a trade | symbol |
 * | `trade_id` | a trade | id, text of digits, rises by one a product |
 * | `price` | a trade | text |
 * | `time` | a trade | RFC 3339, up to ns. Not `timestamp`, which is the message's |
 * | `events[].subscriptions` | subscriptions | all that is subscribed, by channel |
 * | `type`: `error`, `message` | error | as at Coinbase Exchange |
 *
 * The first event of a product is of type `snapshot` and holds old trades: their ids say which are
 * known. `sequence_num` counts the messages of a connection and is not used: ids show gaps. Limits:
 * a subscription within 5 s; 8 messages a second from an address. Products in USDC come under the
 * name of those in USD: list `BTC-USD`. Not verified live.
 */
export function coinbaseAdvanced(): Venue {
  return {
    id: 'coinbase-advanced',
    name: 'Coinbase Advanced Trade',
    url: () => 'wss://advanced-trade-ws.coinbase.com',
    ids: 'rising',
    gapsCount: true,
    // Keeps quiet subscriptions open, and comes every second.
    greeting: [JSON.stringify({ type: 'subscribe', channel: 'heartbeats' })],
    subscribeFrames: (symbols, requestId) =>
      framesOf(symbols, 100, requestId, (part) => ({
        type: 'subscribe',
        product_ids: part,
        channel: 'market_trades',
      })),
    limits: { framesPerSecond: 7, symbolsPerConnection: 500 },
    silentAfterMs: 15_000,
    parse: jsonParser(jsonReaderOfLongIds('trade_id'), eventsOf),
  };
}

function eventsOf(value: unknown): Events {
  const frame = objectOf(value);
  if (frame?.type === 'error') return coinbaseError(frame);
  switch (frame?.channel) {
    case 'market_trades':
      return readTrades(listsOf(frame.events, 'trades'), tradeOf);
    case 'heartbeats':
      return HEARTBEAT;
    case 'subscriptions':
      return [subscribed(subscribedProducts(frame.events))];
    default:
      return typeof frame?.channel === 'string' ? IGNORED : malformed('no channel');
  }
}

/** The lists of all events as one; undefined if an event has none. */
function listsOf(events: unknown, name: string): unknown {
  if (!Array.isArray(events)) return undefined;
  const lists = events.map((event) => objectOf(event)?.[name]);
  return lists.every(Array.isArray) ? lists.flat() : undefined;
}

function subscribedProducts(events: unknown): string[] {
  if (!Array.isArray(events)) return [];
  return events.flatMap((event) =>
    textsOf(objectOf(objectOf(event)?.subscriptions)?.market_trades),
  );
}

function tradeOf(entry: Fields) {
  return {
    symbol: symbolOf(entry.product_id),
    id: countingIdOf(entry.trade_id),
    price: priceOf(entry.price),
    time: rfc3339Of(entry.time),
  };
}
