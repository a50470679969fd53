import type { Dialect } from '../dialect.ts';
import { type Json, OTHER, readObject, rfc3339 } from './messages.ts';

export const kraken: Dialect = {
  venue: 'kraken',
  framesPerSecond: 10,
  refusesWhole: false,
  hello: JSON.stringify({
    channel: 'status',
    type: 'update',
    data: [{ version: '2.0.0', system: 'online', api_version: 'v2', connection_id: 1 }],
  }),
  read: (text) => {
    const { method, params, req_id: id } = readObject(text);
    if (method === 'ping') {
      return { kind: 'ping', pong: JSON.stringify({ method: 'pong', req_id: id }) };
    }
    const { channel, symbol } = (params ?? {}) as Json;
    if (method !== 'subscribe' || channel !== 'trade') return OTHER;
    return { kind: 'subscribe', symbols: symbol as string[], id };
  },
  answer: ({ id, accepted, refused }) => [
    ...accepted.map((symbol) =>
      JSON.stringify({
        method: 'subscribe',
        req_id: id,
        result: { channel: 'trade', snapshot: false, symbol },
        success: true,
      }),
    ),
    ...refused.map((symbol) =>
      JSON.stringify({
        error: `Currency pair not supported ${symbol}`,
        method: 'subscribe',
        req_id: id,
        success: false,
        symbol,
      }),
    ),
  ],
  throttled: (id) =>
    JSON.stringify({ error: 'Exceeded msg rate', method: 'subscribe', req_id: id, success: false }),
  trades: (trades) => [
    JSON.stringify({
      channel: 'trade',
      type: 'update',
      data: trades.map(({ symbol, id, price, time }) => ({
        symbol,
        side: 'buy',
        price,
        qty: 0.01,
        ord_type: 'limit',
        trade_id: id,
        timestamp: rfc3339(time),
      })),
    }),
  ],
  heartbeat: { text: JSON.stringify({ channel: 'heartbeat' }), isAskedFor: false },
};
