import type { Dialect, ScriptedTrade } from '../dialect.ts';
import { bySymbol, OTHER, readObject, rfc3339 } from './messages.ts';

export const coinbase: Dialect = {
  venue: 'coinbase',
  // Twenty at once, 8 in the long run.
  framesPerSecond: 20,
  refusesWhole: true,
  read: (text) => {
    const { type, product_ids, channels } = readObject(text);
    if (type !== 'subscribe' || !(channels as string[]).includes('matches')) return OTHER;
    return { kind: 'subscribe', symbols: product_ids as string[], id: undefined };
  },
  answer: ({ refused: [refused], subscribed }) => {
    if (refused !== undefined) {
      const reason = `${refused} is not a valid product`;
      return [JSON.stringify({ type: 'error', message: 'Failed to subscribe', reason })];
    }
    const channels = [
      { name: 'matches', product_ids: subscribed },
      { name: 'heartbeat', product_ids: subscribed },
    ];
    return [JSON.stringify({ type: 'subscriptions', channels })];
  },
  throttled: () => JSON.stringify({ type: 'error', message: 'Rate limit exceeded' }),
  trades: (trades) => trades.map((trade) => matchOf('match', trade)),
  // The last trade of each product, however old.
  snapshot: (trades) =>
    bySymbol(trades).map(([, group]) => matchOf('last_match', group.at(-1) as ScriptedTrade)),
  heartbeat: {
    isAskedFor: false,
    text: JSON.stringify({
      type: 'heartbeat',
      last_trade_id: 0,
      product_id: 'BTC-USD',
      sequence: 1,
      time: '2026-01-01T00:00:00.000000Z',
    }),
  },
};

function matchOf(type: string, { symbol, id, price, time }: ScriptedTrade): string {
  return JSON.stringify({
    type,
    trade_id: id,
    maker_order_id: '0f0f0f0f-0000-4000-8000-000000000000',
    side: 'sell',
    size: '0.01',
    price: price.toFixed(2),
    product_id: symbol,
    sequence: id * 7,
    time: rfc3339(time),
  });
}

export const coinbaseAdvanced: Dialect = {
  venue: 'coinbase-advanced',
  framesPerSecond: 8,
  refusesWhole: true,
  read: (text) => {
    const { type, product_ids, channel } = readObject(text);
    if (type !== 'subscribe') return OTHER;
    if (channel === 'heartbeats') {
      return { kind: 'heartbeats', answer: subscriptions({ heartbeats: ['heartbeats'] }) };
    }
    if (channel !== 'market_trades') return OTHER;
    return { kind: 'subscribe', symbols: product_ids as string[], id: undefined };
  },
  // Does not say which product it was.
  answer: ({ refused, subscribed }) =>
    refused.length > 0
      ? [JSON.stringify({ type: 'error', message: 'invalid product ids' })]
      : [subscriptions({ market_trades: subscribed })],
  throttled: () => JSON.stringify({ type: 'error', message: 'too many requests' }),
  trades: (trades) => [marketTrades('update', trades)],
  snapshot: (trades) => [marketTrades('snapshot', trades)],
  heartbeat: {
    isAskedFor: true,
    text: JSON.stringify({
      channel: 'heartbeats',
      client_id: '',
      timestamp: '2026-01-01T00:00:00.000000000Z',
      sequence_num: 3,
      events: [{ current_time: '2026-01-01 00:00:00 +0000 UTC', heartbeat_counter: 3 }],
    }),
  },
};

function subscriptions(byChannel: Readonly<Record<string, readonly string[]>>): string {
  return JSON.stringify({
    channel: 'subscriptions',
    client_id: '',
    timestamp: '2026-01-01T00:00:00.000000000Z',
    sequence_num: 1,
    events: [{ subscriptions: byChannel }],
  });
}

/** Newest first. */
function marketTrades(type: string, trades: readonly ScriptedTrade[]): string {
  return JSON.stringify({
    channel: 'market_trades',
    client_id: '',
    timestamp: '2026-01-01T00:00:00.000000000Z',
    sequence_num: 2,
    events: [
      {
        type,
        trades: trades.toReversed().map(({ symbol, id, price, time }) => ({
          trade_id: String(id),
          product_id: symbol,
          price: String(price),
          size: '0.06',
          side: 'SELL',
          time: rfc3339(time).replace('Z', '000Z'),
        })),
      },
    ],
  });
}
