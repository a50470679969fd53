import type { Venue } from '../venue.ts';
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
} from './fields/json-message.ts';
import { framesOf, refused, requestIdOf, subscribed } from './fields/subscriptions.ts';
import { countingIdOf, msOf, priceOf, readTrades, symbolOf } from './fields/trade-fields.ts';

/**
 * OKX. Source: "OKX API guide", v5: WebSocket overview, "WS / Trades channel", error codes.
 *
 * | field | of | read as |
 * |---|---|---|
 * | `pong`, bare text | answer to the text `ping` | heartbeat |
 * | `arg.channel` | data | `trades`, `trades-all`; others ignored |
 * | `data[]`: `instId` | a trade | symbol |
 * | `tradeId` | a trade | id, text of digits, rises by one; the last of those merged |
 * | `count` | a trade, since 2022 | how many trades of one order at one price it merges, text |
 * | `px` | a trade | price, text |
 * | `ts` | a trade | time, ms, text |
 * | `event`: `subscribe`, `arg` | answer | one an instrument |
 * | `event`: `error`, `code`, `msg` | answer | refusal; names the instrument in words |
 * | `event`: `notice`, `code` 64008 | before an upgrade | the connection will close in 30 s |
 *
 * Limits: 3 connections a second from an address; 480 requests an hour and 64 KB a request; closed
 * after 30 s without a message either way. Not verified live: whether ids are without holes where
 * `count` is sent (in a session of 2022 they are); whether one unknown instrument refuses a whole
 * request (so it is taken; asking again does no harm).
 */
export function okx(): Venue {
  const parseJson = jsonParser(readJson, eventsOf);
  return {
    id: 'okx',
    name: 'OKX',
    url: () => 'wss://ws.okx.com:8443/ws/v5/public',
    ids: 'rising',
    gapsCount: true,
    subscribeFrames: (symbols, requestId) =>
      framesOf(symbols, 100, requestId, (part, id) => ({
        id: String(id),
        op: 'subscribe',
        args: part.map((instId) => ({ channel: 'trades', instId })),
      })),
    keepAlive: { everyMs: 20_000, text: 'ping' },
    limits: { framesPerSecond: 3, framesPerHour: 470, symbolsPerConnection: 1000 },
    silentAfterMs: 45_000,
    parse: (message, out) => {
      if (message === 'pong') out({ kind: 'heartbeat' });
      else parseJson(message, out);
    },
  };
}

function eventsOf(value: unknown): Events {
  const frame = objectOf(value);
  if (frame === undefined) return malformed('no object');
  const channel = objectOf(frame.arg)?.channel;
  const isTrades = channel === 'trades' || channel === 'trades-all';
  switch (frame.event) {
    case undefined:
      if (isTrades) return readTrades(frame.data, tradeOf);
      return typeof channel === 'string' ? IGNORED : malformed('no channel');
    case 'subscribe': {
      const symbol = symbolOf(objectOf(frame.arg)?.instId);
      return isTrades && symbol !== undefined ? [subscribed([symbol])] : IGNORED;
    }
    case 'notice':
      return frame.code === '64008'
        ? [{ kind: 'reconnect', reason: reasonOf(frame.code, frame.msg) }]
        : IGNORED;
    case 'error':
      return errorOf(frame);
    case 'pong':
      return HEARTBEAT;
    default:
      return IGNORED;
  }
}

function tradeOf(entry: Fields) {
  const count = Number(entry.count ?? 1);
  return {
    symbol: symbolOf(entry.instId),
    id: countingIdOf(entry.tradeId),
    price: priceOf(entry.px),
    time: msOf(entry.ts),
    ...(Number.isSafeInteger(count) && count > 1 && { ids: count }),
  };
}

/** Busy, frequent or failing: the request was right. */
const TRY_AGAIN = new Set(['50001', '50011', '50013', '50026', '60014', '63999']);

function errorOf(frame: Fields): Events {
  const reason = reasonOf(frame.code, frame.msg);
  const requestId = requestIdOf(frame.id);
  if (TRY_AGAIN.has(frame.code as string))
    return [refused({ reason, requestId, retryAfterMs: 60_000 })];
  const symbol = /instId["\s:]+([^\s,"}]+)/.exec(
    typeof frame.msg === 'string' ? frame.msg : '',
  )?.[1];
  return [refused({ reason, requestId, symbol, wholeRequest: true })];
}
