import type { Venue } from '../../feeds/venue.ts';
import {
  type Events,
  type Fields,
  HEARTBEAT,
  IGNORED,
  jsonParser,
  malformed,
  objectOf,
  readJson,
  reasonOf,
} from '../../feeds/venues/fields/json-message.ts';
import { framesOf, refused, requestIdOf } from '../../feeds/venues/fields/subscriptions.ts';
import {
  countingIdOf,
  priceOf,
  readTrades,
  rfc3339Of,
  symbolOf,
} from '../../feeds/venues/fields/trade-fields.ts';

/** Acme. Source: "Market data", Acme API documentation. Not verified live. */
export function acme(): Venue {
  return {
    id: 'acme',
    name: 'Acme',
    url: () => 'wss://stream.acme.example/v1',
    ids: 'rising',
    gapsCount: true,
    subscribeFrames: (symbols, requestId) =>
      framesOf(symbols, 50, requestId, (part, id) => ({ op: 'subscribe', id, markets: part })),
    limits: { framesPerSecond: 5, symbolsPerConnection: 200 },
    silentAfterMs: 15_000,
    parse: jsonParser(readJson, eventsOf),
  };
}

function eventsOf(value: unknown): Events {
  const frame = objectOf(value);
  const requestId = requestIdOf(frame?.id);
  switch (frame?.event) {
    case 'trades':
      return readTrades(frame.trades, tradeOf);
    case 'heartbeat':
      return HEARTBEAT;
    case 'subscribed':
      return requestId === undefined ? IGNORED : [{ kind: 'subscribed', requestId }];
    case 'error':
      return [refused({ requestId, reason: reasonOf(frame.message) })];
    default:
      return typeof frame?.event === 'string' ? IGNORED : malformed('no event');
  }
}

function tradeOf(entry: Fields) {
  return {
    symbol: symbolOf(entry.market),
    id: countingIdOf(entry.seq),
    price: priceOf(entry.price),
    time: rfc3339Of(entry.at),
  };
}
