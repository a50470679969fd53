import type { Dialect } from '../dialect.ts';
import { bySymbol, OTHER, readObject } from './messages.ts';

function bybitLike(venue: string, topicsMax: number): Dialect {
  return {
    venue,
    framesPerSecond: 10,
    silenceMs: 30_000,
    refusesWhole: true,
    read: (text) => {
      const { op, args, req_id: id } = readObject(text);
      if (op === 'ping') {
        const pong = { success: true, ret_msg: 'pong', conn_id: 'b1', op: 'ping' };
        return { kind: 'ping', pong: JSON.stringify(pong) };
      }
      if (op !== 'subscribe') return OTHER;
      const symbols = (args as string[]).map((topic) => topic.replace('publicTrade.', ''));
      if (symbols.length > topicsMax) throw new SyntaxError(`${symbols.length} topics`);
      return { kind: 'subscribe', symbols, id };
    },
    answer: ({ id, refused: [refused] }) => [
      answerOf(id, refused && `error:handler not found,topic:publicTrade.${refused}`),
    ],
    throttled: (id) => answerOf(id, 'Too many visits. Exceeded the API Rate Limit.'),
    trades: (trades) =>
      bySymbol(trades).map(([symbol, data]) =>
        JSON.stringify({
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
      ),
  };
}

/** @param fault undefined: success */
function answerOf(id: unknown, fault: string | undefined): string {
  const [success, ret_msg] = [fault === undefined, fault ?? ''];
  return JSON.stringify({ success, ret_msg, conn_id: 'b1', req_id: id, op: 'subscribe' });
}

export const bybit = bybitLike('bybit', 10);
export const bybitLinear = bybitLike('bybit-linear', 500);
