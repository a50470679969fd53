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
  textsOf,
} from './fields/json-message.ts';
import { framesOf, refused, requestIdOf, subscribed } from './fields/subscriptions.ts';
import { idOf, msOf, priceOf, readTrades, symbolOf } from './fields/trade-fields.ts';

/**
 * Bybit spot. Source: "Connect" and "Trade", WebSocket Stream, Bybit API v5.
 *
 * | field | of | read as |
 * |---|---|---|
 * | `topic` | data | `publicTrade.SYMBOL`; others ignored |
 * | `data[]` | a message | 1 to 1024 trades |
 * | `s` | a trade | symbol |
 * | `i` | a trade | id: a UUID, spot's a number in text; in no order |
 * | `p` | a trade | price, text |
 * | `T` | a trade | time, ms. Not `ts`, which is the message's |
 * | `op`, `success`, `ret_msg`, `req_id` | answers | of a whole request; names the topic to blame |
 *
 * Block trades (`BT`) are kept. Recorded sessions of 2021 have the topic `trade.SYMBOL` of v2, with
 * `symbol`, `trade_id`, `price` (text or number) and `trade_time_ms` (number or text): read too.
 *
 * Limits: 10 topics a request; 21 000 characters of topics a connection; 500 connections in 5
 * minutes; a ping every 20 s. Not verified live: the words of errors.
 */
export function bybit(): Venue {
  return {
    ...bybitVenue(10),
    id: 'bybit',
    name: 'Bybit spot',
    url: () => 'wss://stream.bybit.com/v5/public/spot',
  };
}

/** What the markets of Bybit have in common. */
export function bybitVenue(topicsPerRequest: number): Omit<Venue, 'id' | 'name' | 'url'> {
  return {
    ids: 'unique',
    gapsCount: false,
    subscribeFrames: (symbols, requestId) =>
      framesOf(symbols, topicsPerRequest, requestId, (part, id) => ({
        req_id: String(id),
        op: 'subscribe',
        args: part.map((symbol) => `publicTrade.${symbol}`),
      })),
    keepAlive: { everyMs: 20_000, text: JSON.stringify({ op: 'ping' }) },
    // 21 000 characters hold 600 topics of 35.
    limits: { framesPerSecond: 10, symbolsPerConnection: 600 },
    silentAfterMs: 45_000,
    parse: jsonParser(readJson, eventsOf),
  };
}

function eventsOf(value: unknown): Events {
  const frame = objectOf(value);
  if (frame === undefined) return malformed('no object');
  if (typeof frame.topic === 'string') {
    if (frame.topic.startsWith('publicTrade.')) return readTrades(frame.data, tradeOf);
    return frame.topic.startsWith('trade.') ? readTrades(frame.data, tradeOfVersion2) : IGNORED;
  }
  const request = objectOf(frame.request) ?? frame;
  if (request.op === 'ping' || request.op === 'pong' || frame.ret_msg === 'pong') return HEARTBEAT;
  if (request.op === 'subscribe') return answerOf(frame, request);
  return typeof request.op === 'string' ? IGNORED : malformed('no topic');
}

function tradeOf(entry: Fields) {
  return {
    symbol: symbolOf(entry.s),
    id: idOf(entry.i),
    price: priceOf(entry.p),
    time: msOf(entry.T),
  };
}

function tradeOfVersion2(entry: Fields) {
  return {
    symbol: symbolOf(entry.symbol),
    id: idOf(entry.trade_id),
    price: priceOf(entry.price),
    time: msOf(entry.trade_time_ms),
  };
}

/** `error:handler not found,topic:publicTrade.X`, or `Invalid symbol :[publicTrade.X]`. */
const TOPIC = /publicTrade\.([^\s,\]"]+)/;

function answerOf(frame: Fields, request: Fields): Events {
  const requestId = requestIdOf(frame.req_id);
  if (frame.success === true) {
    if (requestId !== undefined) return [{ kind: 'subscribed', requestId }];
    return [subscribed(textsOf(request.args).map((topic) => topic.replace(/^\w+\./, '')))];
  }
  const reason = reasonOf(frame.ret_msg);
  const symbol = TOPIC.exec(reason)?.[1];
  if (/already subscribed/i.test(reason) && symbol !== undefined) return [subscribed([symbol])];
  const retryAfterMs = /too many|frequen|limit/i.test(reason) ? 5000 : undefined;
  return [refused({ reason, requestId, symbol, wholeRequest: true, retryAfterMs })];
}
