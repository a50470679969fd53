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
} from './fields/json-message.ts';
import { mayBeLastNumbered } from './fields/sale-conditions.ts';
import { framesOf, refused, subscribed } from './fields/subscriptions.ts';
import { idOf, msOf, priceOf, readMixedList, symbolOf } from './fields/trade-fields.ts';

/**
 * Massive (formerly Polygon.io), US stocks. Sources: "WebSocket Quickstart" and "Stocks: Trades",
 * Massive API documentation.
 *
 * | field | of | read as |
 * |---|---|---|
 * | a message | | an array of events |
 * | `ev` | every event | `T` trade, `status`; others ignored |
 * | `sym` | T | symbol |
 * | `x`, `i` | T | id: the exchange's number and its text, unique together, in no order |
 * | `p` | T | price, a number: there is no text |
 * | `t` | T | time, ms, of the SIP. Not `trft`, the reporting facility's |
 * | `c` | T | sale conditions, numbers: prints that may not be last are excluded |
 * | `status`, `message` | status | logins, limits, and `subscribed to: T.X` |
 *
 * Limits: one connection an account and cluster. `wss://delayed.massive.com/stocks` is 15 minutes
 * late: its times are true, and the lag metric says so. Not verified live: the words of refusals.
 */
export function massive(options: VenueOptions): Venue {
  const keepsAll = options.conditions === 'all';
  const eventsOf = (value: unknown) =>
    readMixedList(value, isTrade, (entry) => tradeOf(entry, keepsAll), otherEvents);
  return {
    id: 'massive',
    name: 'Massive',
    url: () => 'wss://socket.massive.com/stocks',
    ids: 'unique',
    gapsCount: false,
    login: (key) => JSON.stringify({ action: 'auth', params: key }),
    subscribeFrames: (symbols, requestId) =>
      framesOf(symbols, 200, requestId, (part) => ({
        action: 'subscribe',
        params: part.map((symbol) => `T.${symbol}`).join(','),
      })),
    limits: { framesPerSecond: 5, symbolsPerConnection: 5000, singleConnection: true },
    // Nothing but pings comes outside trading hours.
    silentAfterMs: Number.POSITIVE_INFINITY,
    parse: jsonParser(jsonReaderOfLongIds('i'), eventsOf),
  };
}

function isTrade(item: unknown): boolean {
  return objectOf(item)?.ev === 'T';
}

function tradeOf(entry: Fields, keepsAll: boolean) {
  const id = idOf(entry.i);
  const exchange = idOf(entry.x);
  const isValid = id !== undefined && exchange !== undefined;
  return {
    symbol: symbolOf(entry.sym),
    id: isValid ? `${exchange}:${id}` : undefined,
    price: priceOf(entry.p),
    time: msOf(entry.t),
    excluded: !keepsAll && Array.isArray(entry.c) && !mayBeLastNumbered(entry.c),
  };
}

function otherEvents(item: unknown): Events {
  const event = objectOf(item);
  if (event?.ev === 'status') return [statusOf(event)];
  return typeof event?.ev === 'string' ? IGNORED : malformed('no event');
}

/** An account's other connection has its place for so long after it died. */
const PLACE_HELD_MS = 90_000;

const SUBSCRIBED = /^subscribed to: *T\.(\S+)$/;

function statusOf(event: Fields): VenueEvent {
  const reason = reasonOf(event.status, event.message);
  switch (event.status) {
    case 'auth_success':
      return { kind: 'authenticated' };
    case 'auth_failed':
      return { kind: 'fatal', reason };
    case 'auth_timeout':
      return { kind: 'fatal', reason, retryAfterMs: 5000 };
    case 'max_connections':
      return { kind: 'fatal', reason, retryAfterMs: PLACE_HELD_MS };
    case 'force_disconnect':
      return { kind: 'reconnect', reason };
    case 'success': {
      const symbol = SUBSCRIBED.exec(typeof event.message === 'string' ? event.message : '')?.[1];
      return subscribed(symbol === undefined ? [] : [symbol]);
    }
    case 'error':
    case 'not_authorized':
      return refused({ reason });
    default:
      return { kind: 'ignored' };
  }
}
