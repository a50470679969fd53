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
  textsOf,
} from './fields/json-message.ts';
import { framesOf, refused, subscribed } from './fields/subscriptions.ts';
import { countingIdOf, priceOf, readTrades, rfc3339Of, symbolOf } from './fields/trade-fields.ts';

/**
 * Coinbase Exchange. Sources: "Exchange WebSocket Overview", "WebSocket Channels" and "WebSocket
 * Errors", Coinbase Developer Documentation.
 *
 * | field | of | read as |
 * |---|---|---|
 * | `type` | all | `match`, `last_match`, `subscriptions`, `heartbeat`, `error`; else ignored |
 * | `product_id` | match, last_match | symbol |
 * | `trade_id` | both | id, rises by one a product |
 * | `price` | both | text |
 * | `time` | both | RFC 3339, µs; `0001-01-01T00:00:00Z` has been seen |
 * | `channels[].name`, `.product_ids` | subscriptions | all that is subscribed, of `matches` |
 * | `message`, `reason` | error | refusal of a whole request; names the product to blame |
 *
 * After a subscription `last_match` repeats the last trade, however old: its id says whether it is
 * known. Limits: a subscription within 5 s; 8 messages a second; addresses that are banned get 429.
 * Not verified live: how many products one request may name; the words of errors other than "is not
 * a valid product".
 */
export function coinbase(): Venue {
  return {
    id: 'coinbase',
    name: 'Coinbase Exchange',
    url: () => 'wss://ws-feed.exchange.coinbase.com',
    ids: 'rising',
    gapsCount: true,
    subscribeFrames: (symbols, requestId) =>
      framesOf(symbols, 100, requestId, (part) => ({
        type: 'subscribe',
        product_ids: part,
        channels: ['matches', 'heartbeat'],
      })),
    limits: { framesPerSecond: 8, symbolsPerConnection: 500 },
    // A heartbeat a second for each product.
    silentAfterMs: 15_000,
    parse: jsonParser(jsonReaderOfLongIds('trade_id'), eventsOf),
  };
}

function eventsOf(value: unknown): Events {
  const frame = objectOf(value);
  if (typeof frame?.type !== 'string') return malformed('no type');
  switch (frame.type) {
    case 'match':
    case 'last_match':
      return readTrades([frame], matchOf);
    case 'subscriptions':
      return [subscribed(matchedProducts(frame.channels))];
    case 'heartbeat':
      return HEARTBEAT;
    case 'error':
      return coinbaseError(frame);
    default:
      return IGNORED;
  }
}

function matchOf(entry: Fields) {
  return {
    symbol: symbolOf(entry.product_id),
    id: countingIdOf(entry.trade_id),
    price: priceOf(entry.price),
    time: rfc3339Of(entry.time),
  };
}

function matchedProducts(channels: unknown): string[] {
  if (!Array.isArray(channels)) return [];
  return channels.flatMap((channel) => {
    const fields = objectOf(channel);
    return fields?.name === 'matches' ? textsOf(fields.product_ids) : [];
  });
}

const TOO_MANY = /rate limit|too many/i;
const NO_ACCESS = /auth|permission|forbidden/i;
const PRODUCT = /^(\S+) is (?:not a valid product|delisted)/;

/** What an error of either Coinbase means. */
export function coinbaseError(frame: Fields): Events {
  const reason = reasonOf(frame.message, frame.reason);
  if (TOO_MANY.test(reason)) return [refused({ reason, retryAfterMs: 5000 })];
  const symbol = PRODUCT.exec(typeof frame.reason === 'string' ? frame.reason : reason)?.[1];
  if (symbol !== undefined) return [refused({ reason, symbol, wholeRequest: true })];
  return NO_ACCESS.test(reason) ? [{ kind: 'fatal', reason }] : [refused({ reason })];
}
