import type { Dialect } from '../dialect.ts';
import { bySymbol, type Json, OTHER, readObject } from './messages.ts';

/** JSON-RPC. Who asks for heartbeats is tested, and closed where it does not answer the tests. */
export const deribit: Dialect = {
  venue: 'deribit',
  // Ten at once, 3.3 in the long run.
  framesPerSecond: 10,
  silenceMs: 60_000,
  refusesWhole: false,
  read: (text) => {
    const { jsonrpc, method, params, id } = readObject(text);
    if (jsonrpc !== '2.0') throw new SyntaxError('no JSON-RPC 2.0');
    if (method === 'public/test') {
      return { kind: 'ping', pong: resultOf(id, { version: '1.2.26' }) };
    }
    if (method === 'public/set_heartbeat') {
      // The least that it takes is 10 s.
      if (!(Number((params as Json).interval) >= 10)) throw new SyntaxError('interval too short');
      return { kind: 'heartbeats', answer: resultOf(id, 'ok') };
    }
    if (method !== 'public/subscribe') return OTHER;
    const symbols = ((params as Json).channels as string[]).map((channel) => {
      const [kind, symbol = '', interval] = channel.split('.');
      if (kind !== 'trades') throw new SyntaxError(`no channel of trades: ${channel}`);
      if (interval === 'raw') throw new SyntaxError('raw channels want a login');
      return symbol;
    });
    return { kind: 'subscribe', symbols, id };
  },
  // Leaves out what it does not know.
  answer: ({ id, accepted }) => [resultOf(id, accepted.map(channelOf))],
  throttled: (id) =>
    JSON.stringify({
      jsonrpc: '2.0',
      id,
      error: { code: 10_028, message: 'too_many_requests' },
      usIn: 1,
      usOut: 2,
      testnet: false,
    }),
  trades: (trades) =>
    bySymbol(trades).map(([symbol, data]) =>
      notificationOf('subscription', {
        channel: channelOf(symbol),
        data: data.map(({ id, price, time }) => ({
          trade_seq: id,
          trade_id: String(900_000_000 - id),
          timestamp: time,
          tick_direction: 1,
          price,
          mark_price: price + 1,
          instrument_name: symbol,
          index_price: price - 1,
          direction: 'buy',
          amount: 10,
        })),
      }),
    ),
  heartbeat: { isAskedFor: true, text: notificationOf('heartbeat', { type: 'test_request' }) },
};

function channelOf(symbol: string): string {
  return `trades.${symbol}.100ms`;
}

function resultOf(id: unknown, result: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', id, result, usIn: 1, usOut: 2, testnet: false });
}

function notificationOf(method: string, params: object): string {
  return JSON.stringify({ jsonrpc: '2.0', method, params });
}
