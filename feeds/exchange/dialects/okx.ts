import type { Dialect } from '../dialect.ts';
import { OTHER, readObject } from './messages.ts';

export const okx: Dialect = {
  venue: 'okx',
  // What it limits are connections a second, and requests an hour.
  framesPerSecond: 10,
  silenceMs: 30_000,
  refusesWhole: false,
  read: (text) => {
    if (text === 'ping') return { kind: 'ping', pong: 'pong' };
    const { op, args, id } = readObject(text);
    if (op !== 'subscribe') return OTHER;
    return {
      kind: 'subscribe',
      symbols: (args as { instId: string }[]).map(({ instId }) => instId),
      id,
    };
  },
  answer: ({ id, accepted, refused }) => [
    ...accepted.map((instId) =>
      JSON.stringify({ id, event: 'subscribe', arg: { channel: 'trades', instId }, connId: 'a1' }),
    ),
    ...refused.map((instId) =>
      errorOf(id, '60018', `Wrong URL or channel:trades,instId:${instId} doesn't exist.`),
    ),
  ],
  throttled: (id) => errorOf(id, '60014', 'Requests too frequent'),
  trades: (trades) =>
    trades.map(({ symbol: instId, id, price, time }) =>
      JSON.stringify({
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
  goodbye: JSON.stringify({
    event: 'notice',
    code: '64008',
    msg: 'The connection will soon be closed for a service upgrade. Please reconnect.',
    connId: 'a1',
  }),
};

function errorOf(id: unknown, code: string, msg: string): string {
  return JSON.stringify({ id, event: 'error', code, msg, connId: 'a1' });
}
