import type { Dialect } from '../dialect.ts';
import { type Json, OTHER, readObject } from './messages.ts';

const CHANNEL = 'live_trades_';

export const bitstamp: Dialect = {
  venue: 'bitstamp',
  // It documents no limit.
  framesPerSecond: 20,
  refusesWhole: false,
  read: (text) => {
    const { event, data } = readObject(text);
    if (event === 'bts:heartbeat') {
      return { kind: 'ping', pong: messageOf('bts:heartbeat', '', { status: 'success' }) };
    }
    const channel = (data as Json | undefined)?.channel;
    if (event !== 'bts:subscribe' || typeof channel !== 'string') return OTHER;
    if (!channel.startsWith(CHANNEL)) throw new SyntaxError(`no channel of trades: ${channel}`);
    return { kind: 'subscribe', symbols: [channel.slice(CHANNEL.length)], id: undefined };
  },
  answer: ({ accepted, refused }) => [
    ...accepted.map((symbol) => messageOf('bts:subscription_succeeded', `${CHANNEL}${symbol}`, {})),
    // Does not say which it was.
    ...refused.map(() =>
      messageOf('bts:error', '', { code: null, message: 'Bad subscription string.' }),
    ),
  ],
  trades: (trades) =>
    trades.map(({ symbol, id, price, time }) =>
      messageOf('trade', `${CHANNEL}${symbol}`, {
        id,
        timestamp: String(Math.floor(time / 1000)),
        amount: 0.1,
        amount_str: '0.10000000',
        // A sum in doubles, as seen there; the text is right.
        price: price * (1 + Number.EPSILON),
        price_str: price.toFixed(2),
        type: 0,
        microtimestamp: String(Math.round(time * 1000)),
        buy_order_id: 1_582_334_474_354_689,
        sell_order_id: 1_582_334_473_871_362,
      }),
    ),
  goodbye: messageOf('bts:request_reconnect', '', ''),
};

function messageOf(event: string, channel: string, data: unknown): string {
  return JSON.stringify({ data, channel, event });
}
