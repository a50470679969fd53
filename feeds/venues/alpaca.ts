import type { Venue, VenueEvent, VenueOptions } from '../venue.ts';
import {
  type Events,
  type Fields,
  IGNORED,
  jsonParser,
  jsonReaderOfLongIds,
  malformed,
  objectOf,
  reasonOf,
  textsOf,
} from './fields/json-message.ts';
import { readMessagePack } from './fields/message-pack.ts';
import { mayBeLast } from './fields/sale-conditions.ts';
import { framesOf, refused, subscribed } from './fields/subscriptions.ts';
import { idOf, priceOf, readMixedList, rfc3339Of, symbolOf } from './fields/trade-fields.ts';

/**
 * Alpaca, US stocks. Sources: "WebSocket Stream" and "Real-time Stock Data", Alpaca API
 * documentation.
 *
 * | field | of | read as |
 * |---|---|---|
 * | a message | | an array of events |
 * | `T` | every event | `t` trade, `success`, `subscription`, `error`; others ignored |
 * | `S` | t | symbol |
 * | `x`, `i` | t | id: the exchange's letter and its number, unique together, in no order |
 * | `p` | t | price, a number: there is no text |
 * | `t` | t | time, RFC 3339, ns; in MessagePack a timestamp |
 * | `c`, `z` | t | sale conditions and tape: prints that may not be last are excluded |
 * | `msg`, `code` | success, error | see `ERRORS` |
 * | `trades` | subscription | all symbols subscribed |
 *
 * JSON, or MessagePack if something before the venue asks for it (by a header). Cancelled and
 * corrected trades (`x`, `c`) are ignored: a tick can't be taken back. Limits: one connection an
 * account and feed, and after 406 the old one holds its place for up to 90 s; 30 symbols on the
 * free plan, then 405. `iex` is the default; a `url` that ends in `/v2/sip` needs a paid plan. Not
 * verified live.
 */
export function alpaca(options: VenueOptions): Venue {
  const keepsAll = options.conditions === 'all';
  const eventsOf = (value: unknown) =>
    readMixedList(value, isTrade, (entry) => tradeOf(entry, keepsAll), otherEvents);
  const parseJson = jsonParser(jsonReaderOfLongIds('i'), eventsOf);
  return {
    id: 'alpaca',
    name: 'Alpaca',
    url: () => 'wss://stream.data.alpaca.markets/v2/iex',
    ids: 'unique',
    gapsCount: false,
    login: (key, secret) => JSON.stringify({ action: 'auth', key, secret }),
    subscribeFrames: (symbols, requestId) =>
      framesOf(symbols, 200, requestId, (trades) => ({ action: 'subscribe', trades })),
    limits: { framesPerSecond: 5, symbolsPerConnection: 5000, singleConnection: true },
    // Nothing but pings comes outside trading hours.
    silentAfterMs: Number.POSITIVE_INFINITY,
    parse: (message, out) => {
      if (typeof message === 'string') parseJson(message, out);
      else for (const event of eventsOf(readMessagePack(message))) out(event);
    },
  };
}

function isTrade(item: unknown): boolean {
  return objectOf(item)?.T === 't';
}

function tradeOf(entry: Fields, keepsAll: boolean) {
  const number = idOf(entry.i);
  const exchange = symbolOf(entry.x);
  const conditions: unknown = entry.c ?? [];
  const isValid = number !== undefined && exchange !== undefined;
  return {
    symbol: symbolOf(entry.S),
    id: isValid ? `${exchange}:${number}` : undefined,
    price: priceOf(entry.p),
    time: typeof entry.t === 'number' ? entry.t : rfc3339Of(entry.t),
    excluded: !keepsAll && !mayBeLast(Array.isArray(conditions) ? conditions : [], entry.z),
  };
}

function otherEvents(item: unknown): Events {
  const event = objectOf(item);
  switch (event?.T) {
    case 'success':
      return event.msg === 'authenticated' ? [{ kind: 'authenticated' }] : IGNORED;
    case 'subscription':
      return [subscribed(textsOf(event.trades))];
    case 'error':
      return [errorOf(event)];
    default:
      return typeof event?.T === 'string' ? IGNORED : malformed('no type');
  }
}

/** An account's other connection has its place for so long after it died. */
const PLACE_HELD_MS = 90_000;

/** What the documented codes mean. Any other refuses the oldest request. */
const ERRORS: Readonly<Record<number, (reason: string) => VenueEvent>> = {
  401: (reason) => ({ kind: 'fatal', reason, retryAfterMs: 5000 }), // not authenticated yet
  402: (reason) => ({ kind: 'fatal', reason }), // auth failed
  403: () => ({ kind: 'ignored' }), // already authenticated
  404: (reason) => ({ kind: 'fatal', reason, retryAfterMs: 5000 }), // auth timeout
  406: (reason) => ({ kind: 'fatal', reason, retryAfterMs: PLACE_HELD_MS }), // connection limit
  407: (reason) => ({ kind: 'reconnect', reason }), // slow client
  408: (reason) => ({ kind: 'fatal', reason }), // no access to this version
  409: (reason) => ({ kind: 'fatal', reason }), // insufficient subscription
  500: (reason) => ({ kind: 'fatal', reason, retryAfterMs: 5000 }), // internal error
};

/** 405 (symbol limit) refuses a whole request: asked again in halves, what fits is found. */
function errorOf(event: Fields): VenueEvent {
  const reason = reasonOf(event.code, event.msg);
  const meaning = typeof event.code === 'number' ? ERRORS[event.code] : undefined;
  return meaning === undefined ? refused({ reason }) : meaning(reason);
}
