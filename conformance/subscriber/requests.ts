import { Op } from '../../testkit/independent/protocol.ts';
import type { Check } from '../check.ts';
import { expect, expectSame, shown } from '../expect.ts';
import { closing, later } from '../rig.ts';
import { oneTick } from '../scripted/market.ts';
import type { HeldPattern } from '../scripted/stream-session.ts';

/** How long a server asks to wait, and how much sooner counts as not waiting, ms. */
const RETRY_MS = 500;
const EARLY_MS = 50;

/** Patterns with their options, by name. */
function sorted(held: Iterable<[string, HeldPattern]>): [string, HeldPattern][] {
  return [...held].sort(([a], [b]) => a.localeCompare(b));
}

/** Requests and what the server answers. */
export const requestChecks: readonly Check[] = [
  {
    name: 'resubscribes',
    role: 'subscriber',
    promise: 'Subscribes again after a lost connection, to every pattern with its options.',
    section: 'Reconnecting',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100)).set('ETH', oneTick(20));
      const { client, server } = await rig.pair('subscriber');
      const first = await rig.stream(server);
      await client.subscribe(['BTC'], { fields: 5 });
      await client.subscribe(['E*'], { stats: false });
      await client.subscribe(['GONE']);
      await client.unsubscribe(['GONE']);
      await first.request(Op.UNSUBSCRIBE);
      const before = [...first.patterns];
      first.connection.cut();
      const second = await rig.stream(server);
      await second.subscribed('BTC', 'E*');
      expectSame('the subscriptions', sorted(before), sorted(second.patterns));
      await client.holds('BTC', { price: 100, count: 1 });
    },
  },
  {
    name: 'refused-patterns',
    role: 'subscriber',
    promise: 'Tells which patterns the server refused, with the code; the others go on.',
    section: 'SUBSCRIBE and UNSUBSCRIBE',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100));
      const { client, server } = await rig.pair('subscriber');
      const subscribing = later(client.subscribe(['BTC', 'SECRET']));
      const session = await rig.stream(server, {
        onRequest([op, id, patterns], own) {
          if (op !== Op.SUBSCRIBE) return false;
          const names = patterns as string[];
          const codes = names.map((name) => (name === 'SECRET' ? 11 : 0));
          own.patterns.set('BTC', { stats: true, anomalies: true, alerts: false, fields: 63 });
          own.send([Op.SUBSCRIBED, id, codes, { conflateMs: 0, fields: 63 }]);
          own.full('BTC');
          return true;
        },
      });
      const refused = (await subscribing).map(({ pattern, code }) => ({ pattern, code }));
      expectSame('refused', [{ pattern: 'SECRET', code: 11 }], refused);
      await client.holds('BTC', oneTick(100));
      expectSame(
        'requests',
        [Op.SUBSCRIBE],
        session.requests.map(([op]) => op),
      );
    },
  },
  {
    name: 'rate-limited',
    role: 'subscriber',
    promise: 'Sends a request that was rate_limited again, not before retryAfterMs.',
    section: 'Rates',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100));
      const { client, server } = await rig.pair('subscriber');
      const subscribing = later(client.subscribe(['BTC']));
      const times: number[] = [];
      await rig.stream(server, {
        onRequest([op, id], own) {
          if (op !== Op.SUBSCRIBE || times.push(performance.now()) > 1) return false;
          own.send([Op.ERROR, id, 9, 'too many requests', true, RETRY_MS]);
          return true;
        },
      });
      await subscribing;
      await client.holds('BTC', oneTick(100));
      const waitMs = (times[1] as number) - (times[0] as number);
      expect(waitMs >= RETRY_MS - EARLY_MS, `${RETRY_MS} ms`, () => `${waitMs.toFixed(0)} ms`);
    },
  },
  {
    name: 'request-errors',
    role: 'subscriber',
    promise: 'Fails the request that an ERROR answers, with its code; the session goes on.',
    section: 'Errors',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100));
      const { client, session } = await rig.subscriber(['BTC'], {
        onRequest([op, id], own) {
          if (op !== Op.HISTORY) return false;
          own.send([Op.ERROR, id, 14, 'from sequence 12 on', false, null]);
          return true;
        },
      });
      const asked = client.history('BTC', 0, 10);
      const { code, message } = await client.failure(asked, 'the error of the request');
      expectSame('the code', 14, code);
      expect(message.includes('from sequence 12 on'), "the server's message", () => message);
      session.delta('BTC', oneTick(101), 63);
      await client.holds('BTC', { price: 101 });
    },
  },
  {
    name: 'other-errors',
    role: 'subscriber',
    promise: 'Tells of an ERROR that answers no request, with its code.',
    section: 'Errors',
    async run(rig) {
      const { client, session } = await rig.subscriber(['BTC']);
      session.send([Op.ERROR, null, 10, 'the new token is not accepted', false, null]);
      await client.process.event('error', ({ code }) => code === 10, 'an error with code 10');
    },
  },
  {
    name: 'unknown-error',
    role: 'subscriber',
    promise: 'Takes an error code of a later version, and goes by retryable.',
    section: 'Errors',
    async run(rig) {
      const { client } = await rig.subscriber(['BTC'], {
        onRequest([op, id], own) {
          if (op !== Op.HISTORY) return false;
          own.send([Op.ERROR, id, 99, 'of a later version', false, null]);
          return true;
        },
      });
      const asked = client.history('BTC', 0, 10);
      expectSame('the code', 99, (await client.failure(asked, 'the error')).code);
    },
  },
  {
    name: 'close',
    role: 'subscriber',
    promise: 'Closes its connection for good when it is told to.',
    section: 'Close codes',
    async run(rig) {
      const { client, server, session } = await rig.subscriber(['BTC']);
      await client.close();
      await closing(rig, session.connection);
      await client.reaches('closed');
      const isBack = () => server.waiting > 0;
      await rig.stays(1500, isBack, 'no further connection', () => 'another one');
    },
  },
  {
    name: 'ping',
    role: 'subscriber',
    promise: 'Measures a round trip with PING and PONG.',
    section: 'Staying alive',
    async run(rig) {
      const { client } = await rig.subscriber(['BTC']);
      const ms = await client.process.call('ping');
      expect(typeof ms === 'number' && ms >= 0, 'a number of ms', () => shown(ms));
    },
  },
];
