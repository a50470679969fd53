import type { Dialect, ScriptedTrade } from '../dialect.ts';
import { bySymbol, type Json, OTHER, readObject } from './messages.ts';

export const hyperliquid: Dialect = {
  venue: 'hyperliquid',
  // 2000 a minute.
  framesPerSecond: 33,
  silenceMs: 60_000,
  refusesWhole: false,
  read: (text) => {
    const { method, subscription } = readObject(text);
    if (method === 'ping') return { kind: 'ping', pong: messageOf('pong', undefined) };
    const { type, coin } = (subscription ?? {}) as Json;
    if (method !== 'subscribe' || type !== 'trades') return OTHER;
    return { kind: 'subscribe', symbols: [coin as string], id: undefined };
  },
  answer: ({ accepted, refused }) => [
    ...accepted.map((coin) =>
      messageOf('subscriptionResponse', { method: 'subscribe', subscription: wish(coin) }),
    ),
    ...refused.map((coin) =>
      messageOf('error', `Invalid subscription ${JSON.stringify(wish(coin))}`),
    ),
  ],
  throttled: () => messageOf('error', 'Too many messages'),
  trades: tradesOf,
  // The first message of a coin holds trades from before.
  snapshot: tradesOf,
};

function wish(coin: string): object {
  return { type: 'trades', coin };
}

function tradesOf(trades: readonly ScriptedTrade[]): string[] {
  return bySymbol(trades).map(([coin, data]) =>
    messageOf(
      'trades',
      data.map(({ id, price, time }) => ({
        coin,
        side: 'B',
        px: String(price),
        sz: '0.5',
        hash: '0x0000000000000000000000000000000000000000000000000000000000000000',
        time,
        tid: id,
        users: [
          '0x0000000000000000000000000000000000000001',
          '0x0000000000000000000000000000000000000002',
        ],
      })),
    ),
  );
}

function messageOf(channel: string, data: unknown): string {
  return JSON.stringify({ channel, data });
}
