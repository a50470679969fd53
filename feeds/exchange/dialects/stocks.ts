import type { Dialect } from '../dialect.ts';
import { OTHER, readObject, rfc3339 } from './messages.ts';

/** What is beyond a plan's number of symbols is refused with its whole request. */
export const alpaca: Dialect = {
  venue: 'alpaca',
  framesPerSecond: 10,
  refusesWhole: true,
  hello: JSON.stringify([{ T: 'success', msg: 'connected' }]),
  login: {
    accepted: JSON.stringify([{ T: 'success', msg: 'authenticated' }]),
    refused: alpacaError(402, 'auth failed'),
    placeTaken: alpacaError(406, 'connection limit exceeded'),
  },
  read: (text) => {
    const { action, key, trades } = readObject(text);
    if (action === 'auth') return { kind: 'login', key };
    if (action !== 'subscribe') return OTHER;
    return { kind: 'subscribe', symbols: trades as string[], id: undefined };
  },
  answer: ({ refused, subscribed }) =>
    refused.length > 0
      ? [alpacaError(405, 'symbol limit exceeded')]
      : [JSON.stringify([{ T: 'subscription', trades: subscribed, quotes: [], bars: [] }])],
  trades: (trades) => [
    JSON.stringify(
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
  heartbeat: 'ping',
  goodbye: alpacaError(407, 'slow client'),
};

function alpacaError(code: number, msg: string): string {
  return JSON.stringify([{ T: 'error', code, msg }]);
}

export const massive: Dialect = {
  venue: 'massive',
  framesPerSecond: 10,
  refusesWhole: false,
  hello: massiveStatus('connected', 'Connected Successfully'),
  login: {
    accepted: massiveStatus('auth_success', 'authenticated'),
    refused: massiveStatus('auth_failed', 'authentication failed'),
    placeTaken: massiveStatus('max_connections', 'Maximum number of connections exceeded.'),
  },
  read: (text) => {
    const { action, params } = readObject(text);
    if (action === 'auth') return { kind: 'login', key: params };
    if (action !== 'subscribe') return OTHER;
    const symbols = (params as string).split(',').map((channel) => channel.replace(/^T\./, ''));
    return { kind: 'subscribe', symbols, id: undefined };
  },
  answer: ({ accepted, refused }) => [
    ...accepted.map((symbol) => massiveStatus('success', `subscribed to: T.${symbol}`)),
    ...refused.map((symbol) => massiveStatus('error', `invalid subscription: T.${symbol}`)),
  ],
  trades: (trades) => [
    JSON.stringify(
      trades.map(({ symbol, id, price, time }) => ({
        ev: 'T',
        sym: symbol,
        x: 4,
        i: String(id),
        z: 3,
        p: price,
        s: 100,
        c: [41],
        t: time,
        q: id * 3,
      })),
    ),
  ],
  heartbeat: 'ping',
  goodbye: massiveStatus('force_disconnect', 'Server restarts.'),
};

function massiveStatus(status: string, message: string): string {
  return JSON.stringify([{ ev: 'status', status, message }]);
}
