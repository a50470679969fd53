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
import { framesOf, refused, requestIdOf, subscribed } from './fields/subscriptions.ts';
import { countingIdOf, msOf, priceOf, readTrades, symbolOf } from './fields/trade-fields.ts';

/** Of messages that are no subscription: requests for those have ids above it. */
const OTHER_ID = 0;

/**
 * Deribit. Sources: "trades.{instrument_name}.{interval}", "public/subscribe",
 * "public/set_heartbeat" and "Rate Limits", Deribit API documentation.
 *
 * | field | of | read as |
 * |---|---|---|
 * | `method`: `subscription`, `params.channel` | data | `trades.…`; others ignored |
 * | `params.data[]` | trades | several trades |
 * | `instrument_name` | a trade | symbol |
 * | `trade_seq` | a trade | id, rises by one an instrument. Not `trade_id`, a currency's |
 * | `price` | a trade | a number: there is no text |
 * | `timestamp` | a trade | time, ms |
 * | `method`: `heartbeat`, `params.type` | each 30 s | `test_request` wants `public/test` |
 * | `id`, `result` | answer | the channels subscribed; unknown ones are left out |
 * | `id`, `error.code`, `.message` | answer | refusal of a whole request |
 *
 * Block trades (`block_trade_id`) are kept. Prices below zero, which combinations have, are
 * malformed: Tickwire takes none. Limits: a subscription costs a third of a second; 32 connections
 * an address. Channels of the interval `raw` need a login since 2023, so `100ms` is asked for. Not
 * verified live.
 */
export function deribit(): Venue {
  return {
    id: 'deribit',
    name: 'Deribit',
    url: () => 'wss://www.deribit.com/ws/api/v2',
    ids: 'rising',
    gapsCount: true,
    greeting: [call(OTHER_ID, 'public/set_heartbeat', { interval: 30 })],
    subscribeFrames: (symbols, requestId) =>
      framesOf(symbols, 100, Math.max(requestId, OTHER_ID + 1), (part, id) => ({
        jsonrpc: '2.0',
        id,
        method: 'public/subscribe',
        params: { channels: part.map((symbol) => `trades.${symbol}.100ms`) },
      })),
    limits: { framesPerSecond: 3, symbolsPerConnection: 500 },
    silentAfterMs: 75_000,
    parse: jsonParser(jsonReaderOfLongIds('trade_seq'), eventsOf),
  };
}

function call(id: number, method: string, params: object): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params });
}

const TEST_ANSWER: Events = [{ kind: 'reply', text: call(OTHER_ID, 'public/test', {}) }];

function eventsOf(value: unknown): Events {
  const frame = objectOf(value);
  if (frame === undefined) return malformed('no object');
  const params = objectOf(frame.params);
  switch (frame.method) {
    case 'subscription':
      if (typeof params?.channel !== 'string') return malformed('no channel');
      return params.channel.startsWith('trades.') ? readTrades(params.data, tradeOf) : IGNORED;
    case 'heartbeat':
      return params?.type === 'test_request' ? TEST_ANSWER : HEARTBEAT;
    case undefined:
      return answerOf(frame);
    default:
      return IGNORED;
  }
}

function tradeOf(entry: Fields) {
  return {
    symbol: symbolOf(entry.instrument_name),
    id: countingIdOf(entry.trade_seq),
    price: priceOf(entry.price),
    time: msOf(entry.timestamp),
  };
}

const TRADES_CHANNEL = /^trades\.(.+)\.[^.]+$/;

function answerOf(frame: Fields): Events {
  const requestId = requestIdOf(frame.id);
  const error = objectOf(frame.error);
  if (error !== undefined) {
    const data = objectOf(error.data);
    const reason = reasonOf(error.code, error.message, data?.reason, data?.param);
    // 10028: too many requests; 11051: system maintenance; 13888: timed out.
    const isTransient = error.code === 10028 || error.code === 11051 || error.code === 13888;
    return [refused({ reason, requestId, retryAfterMs: isTransient ? 5000 : undefined })];
  }
  if (!('result' in frame)) return malformed('no method and no result');
  // Others than lists answer the heartbeat's setting and tests.
  if (!Array.isArray(frame.result)) return HEARTBEAT;
  const symbols = textsOf(frame.result).flatMap((name) => TRADES_CHANNEL.exec(name)?.[1] ?? []);
  return [subscribed(symbols, requestId)];
}
