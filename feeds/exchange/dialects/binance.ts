import type { Dialect } from '../dialect.ts';
import { OTHER, readObject } from './messages.ts';

function binanceLike(venue: string, event: 'trade' | 'aggTrade', framesPerSecond: number): Dialect {
  return {
    venue,
    framesPerSecond,
    refusesWhole: true,
    read: (text) => {
      const { method, params, id } = readObject(text);
      if (method !== 'SUBSCRIBE') return OTHER;
      const symbols = (params as string[]).map((stream) => {
        const [symbol = '', channel] = stream.split('@');
        if (channel !== event) throw new SyntaxError(`not a stream of trades: ${stream}`);
        return symbol.toUpperCase();
      });
      return { kind: 'subscribe', symbols, id };
    },
    answer: ({ id, accepted, refused }) => {
      if (refused.length === 0) return [JSON.stringify({ result: null, id })];
      const error = { code: 2, msg: `Invalid request: ${accepted.length} of them are known` };
      return [JSON.stringify({ error, id })];
    },
    trades: (trades) =>
      trades.map(({ symbol, id, price, time }) =>
        JSON.stringify({
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
    heartbeat: 'ping',
    goodbye: JSON.stringify({ stream: '', data: { e: 'serverShutdown', E: 1 } }),
  };
}

export const binance = binanceLike('binance', 'trade', 5);
export const binanceFutures = binanceLike('binance-futures', 'aggTrade', 10);
