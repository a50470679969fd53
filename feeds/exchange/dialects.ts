import type { ClientRequest, Dialect, ScriptedTrade } from './dialect.ts';

type Json = Readonly<Record<string, unknown>>;

const OTHER: ClientRequest = { kind: 'other' };

function stringify(value: unknown): string {
  return JSON.stringify(value);
}

/** RFC 3339 with µs. */
function rfc3339(ms: number): string {
  const micros = Math.round((ms % 1000) * 1000);
  return `${new Date(ms).toISOString().slice(0, 19)}.${String(micros).padStart(6, '0')}Z`;
}

function binanceLike(venue: string, event: 'trade' | 'aggTrade', framesPerSecond: number): Dialect {
  return {
    venue,
    framesPerSecond,
    refusesWhole: true,
    read: (text) => {
      const { method, params, id } = JSON.parse(text) as Json;
      if (method !== 'SUBSCRIBE') return OTHER;
      const symbols = (params as string[]).map((stream) => {
        const [symbol = '', channel] = stream.split('@');
        if (channel !== event) throw new SyntaxError(`not a stream of trades: ${stream}`);
        return symbol.toUpperCase();
      });
      return { kind: 'subscribe', symbols, id };
    },
    answer: ({ id }, accepted, refused) => {
      if (refused.length === 0) return [stringify({ result: null, id })];
      const error = { code: 2, msg: `Invalid request: ${accepted.length} of them are known` };
      return [stringify({ error, id })];
    },
    trades: (trades) =>
      trades.map(({ symbol, id, price, time }) =>
        stringify({
          stream: `${symbol.toLowerCase()}@${event}`,
          data: {
            e: event,
            E: time + 3,
            s: symbol,
            ...(event === 'trade' ? { t: id } : { a: id, f: id * 10, l: id * 10 + 9 }),
            p: price.toFixed(8),
            q: '0.10000000',
            T: time,
            m: false,
            M: true,
          },
        }),
      ),
    goodbye: stringify({ stream: '', data: { e: 'serverShutdown', E: 1 } }),
  };
}

const coinbase: Dialect = {
  venue: 'coinbase',
  framesPerSecond: 8,
  refusesWhole: true,
  read: (text) => {
    const { type, product_ids, channels } = JSON.parse(text) as Json;
    if (type !== 'subscribe' || !(channels as string[]).includes('matches')) return OTHER;
    return { kind: 'subscribe', symbols: product_ids as string[], id: undefined };
  },
  answer: (_request, accepted, [refused]) => {
    if (refused !== undefined) {
      const reason = `${refused} is not a valid product`;
      return [stringify({ type: 'error', message: 'Failed to subscribe', reason })];
    }
    const channels = [
      { name: 'matches', product_ids: accepted },
      { name: 'heartbeat', product_ids: accepted },
    ];
    return [stringify({ type: 'subscriptions', channels })];
  },
  trades: (trades) =>
    trades.map(({ symbol, id, price, time }) =>
      stringify({
        type: 'match',
        trade_id: id,
        maker_order_id: '0f0f0f0f-0000-4000-8000-000000000000',
        side: 'sell',
        size: '0.01',
        price: price.toFixed(2),
        product_id: symbol,
        sequence: id * 7,
        time: rfc3339(time),
      }),
    ),
  heartbeat: stringify({
    type: 'heartbeat',
    last_trade_id: 0,
    product_id: 'BTC-USD',
    sequence: 1,
    time: '2026-01-01T00:00:00.000000Z',
  }),
};

const kraken: Dialect = {
  venue: 'kraken',
  framesPerSecond: 10,
  refusesWhole: false,
  hello: stringify({
    channel: 'status',
    type: 'update',
    data: [{ version: '2.0.0', system: 'online', api_version: 'v2', connection_id: 1 }],
  }),
  read: (text) => {
    const { method, params, req_id: id } = JSON.parse(text) as Json;
    if (method === 'ping') return { kind: 'ping', pong: stringify({ method: 'pong', req_id: id }) };
    const { channel, symbol } = (params ?? {}) as Json;
    if (method !== 'subscribe' || channel !== 'trade') return OTHER;
    return { kind: 'subscribe', symbols: symbol as string[], id };
  },
  answer: ({ id }, accepted, refused) => [
    ...accepted.map((symbol) =>
      stringify({
        method: 'subscribe',
        req_id: id,
        result: { channel: 'trade', snapshot: false, symbol },
        success: true,
      }),
    ),
    ...refused.map((symbol) =>
      stringify({
        error: `Currency pair not supported ${symbol}`,
        method: 'subscribe',
        req_id: id,
        success: false,
        symbol,
      }),
    ),
  ],
  trades: (trades) => [
    stringify({
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
  heartbeat: stringify({ channel: 'heartbeat' }),
};

const okx: Dialect = {
  venue: 'okx',
  framesPerSecond: 3,
  refusesWhole: false,
  read: (text) => {
    if (text === 'ping') return { kind: 'ping', pong: 'pong' };
    const { op, args, id } = JSON.parse(text) as Json;
    if (op !== 'subscribe') return OTHER;
    return {
      kind: 'subscribe',
      symbols: (args as { instId: string }[]).map(({ instId }) => instId),
      id,
    };
  },
  answer: ({ id }, accepted, refused) => [
    ...accepted.map((instId) =>
      stringify({ id, event: 'subscribe', arg: { channel: 'trades', instId }, connId: 'a1' }),
    ),
    ...refused.map((instId) =>
      stringify({
        id,
        event: 'error',
        code: '60018',
        msg: `Wrong URL or channel:trades,instId:${instId} doesn't exist.`,
        connId: 'a1',
      }),
    ),
  ],
  trades: (trades) =>
    trades.map(({ symbol: instId, id, price, time }) =>
      stringify({
        arg: { channel: 'trades', instId },
        data: [
          {
            instId,
            tradeId: String(id),
            px: String(price),
            sz: '0.1',
            side: 'buy',
            ts: String(time),
            count: '1',
          },
        ],
      }),
    ),
  goodbye: stringify({
    event: 'notice',
    code: '64008',
    msg: 'The connection will soon be closed for a service upgrade. Please reconnect.',
    connId: 'a1',
  }),
};

const bybit: Dialect = {
  venue: 'bybit',
  framesPerSecond: 10,
  refusesWhole: true,
  read: (text) => {
    const { op, args, req_id: id } = JSON.parse(text) as Json;
    if (op === 'ping') {
      const pong = { success: true, ret_msg: 'pong', conn_id: 'b1', op: 'ping' };
      return { kind: 'ping', pong: stringify(pong) };
    }
    if (op !== 'subscribe') return OTHER;
    const symbols = (args as string[]).map((topic) => topic.replace('publicTrade.', ''));
    return { kind: 'subscribe', symbols, id };
  },
  answer: ({ id }, _accepted, [refused]) => {
    const isRefused = refused !== undefined;
    const ret_msg = isRefused ? `error:handler not found,topic:publicTrade.${refused}` : '';
    return [
      stringify({ success: !isRefused, ret_msg, conn_id: 'b1', req_id: id, op: 'subscribe' }),
    ];
  },
  trades: (trades) => {
    const bySymbol = groupBySymbol(trades);
    return [...bySymbol].map(([symbol, data]) =>
      stringify({
        topic: `publicTrade.${symbol}`,
        type: 'snapshot',
        ts: data.at(-1)?.time,
        data: data.map(({ id, price, time }) => ({
          T: time,
          s: symbol,
          S: 'Buy',
          v: '0.001',
          p: String(price),
          i: `20f43950-d8dd-5b31-9112-${id.toString(16).padStart(12, '0')}`,
          BT: false,
        })),
      }),
    );
  },
};

function groupBySymbol(trades: readonly ScriptedTrade[]): Map<string, ScriptedTrade[]> {
  const groups = new Map<string, ScriptedTrade[]>();
  for (const trade of trades) {
    const group = groups.get(trade.symbol);
    if (group === undefined) groups.set(trade.symbol, [trade]);
    else group.push(trade);
  }
  return groups;
}

const alpaca: Dialect = {
  venue: 'alpaca',
  framesPerSecond: 10,
  refusesWhole: false,
  hello: stringify([{ T: 'success', msg: 'connected' }]),
  loginAnswer: stringify([{ T: 'success', msg: 'authenticated' }]),
  read: (text) => {
    const { action, trades } = JSON.parse(text) as Json;
    if (action === 'auth') return { kind: 'login' };
    if (action !== 'subscribe') return OTHER;
    return { kind: 'subscribe', symbols: trades as string[], id: undefined };
  },
  answer: (_request, accepted) => [
    stringify([{ T: 'subscription', trades: accepted, quotes: [], bars: [] }]),
  ],
  trades: (trades) => [
    stringify(
      trades.map(({ symbol, id, price, time }) => ({
        T: 't',
        S: symbol,
        i: id,
        x: 'V',
        p: price,
        s: 100,
        c: ['@'],
        z: 'A',
        t: rfc3339(time),
      })),
    ),
  ],
};

/** By the id of the venue. */
export const DIALECTS = {
  binance: binanceLike('binance', 'trade', 5),
  'binance-futures': binanceLike('binance-futures', 'aggTrade', 10),
  coinbase,
  kraken,
  okx,
  bybit,
  alpaca,
} as const satisfies Record<string, Dialect>;
