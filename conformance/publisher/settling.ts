import { Op } from '../../testkit/independent/protocol.ts';
import type { Check } from '../check.ts';
import { expect, expectSame, shown } from '../expect.ts';
import { closing, later } from '../rig.ts';
import type { TicksFrame } from '../scripted/publish-session.ts';
import { ticksFrom } from './sequences.ts';

/** How long the server asks to wait, and how much sooner counts as not waiting, ms. */
const RETRY_MS = 500;
const EARLY_MS = 50;
/** Long enough for what must not happen, ms. */
const QUIET_MS = 400;

const BAD_TICKS: readonly (readonly [symbol: unknown, price: unknown, time: unknown])[] = [
  ['BTC', 0, null],
  ['BTC', -1, null],
  ['BTC', 'NaN', null],
  ['BTC', 'Infinity', null],
  ['BTC', 1, -1],
  ['BTC', 1, 'NaN'],
  ['', 1, null],
  [' BTC', 1, null],
  ['BTC ', 1, null],
  ['BTC-*', 1, null],
  ['B\u0007TC', 1, null],
  ['B\u0085TC', 1, null],
  ['x'.repeat(33), 1, null],
];

function sum(frames: readonly TicksFrame[]): number {
  return frames.reduce((ticks, frame) => ticks + frame.ticks.length, 0);
}

/** Acknowledgements, credit, refusals. */
export const settlingChecks: readonly Check[] = [
  {
    name: 'credit',
    role: 'publisher',
    promise: 'Never has more ticks under way than the credit; splits frames to fit.',
    section: 'Credit and overflow',
    async run(rig) {
      const { client, server } = await rig.pair('publisher');
      const welcome = { credit: 5, overflow: 'wait' };
      const session = await rig.publishing(server, { welcome, onTicks: () => undefined });
      await client.publish(...ticksFrom(1, 40));
      const flushing = later(client.flush());
      let acknowledged = 0;
      for (const credit of [5, 3, 1, 11, 40]) {
        await session.until(() => sum(session.frames) > acknowledged, 'more ticks');
        const most = acknowledged + session.lastCredit;
        const isBeyond = () => sum(session.frames) > most;
        const beyond = () => `${sum(session.frames)} ticks`;
        await rig.stays(100, isBeyond, `at most ${most} ticks`, beyond);
        acknowledged = sum(session.frames);
        session.acknowledge(session.sequences.at(-1) as number, credit);
      }
      await session.until(() => sum(session.frames) >= 40, '40 ticks');
      session.acknowledge(session.sequences.at(-1) as number, 40);
      await flushing;
      expectSame('the ticks', ticksFrom(1, 40), session.ticks);
    },
  },
  {
    name: 'no-credit',
    role: 'publisher',
    promise: 'Sends nothing without credit, until an ACK by itself brings some.',
    section: 'Credit and overflow',
    async run(rig) {
      const { client, server } = await rig.pair('publisher');
      const welcome = { credit: 0, overflow: 'wait' };
      const session = await rig.publishing(server, { welcome });
      await client.publish(...ticksFrom(1, 3));
      const isSent = () => session.frames.length > 0;
      await rig.stays(QUIET_MS, isSent, 'no tick without credit', () => 'some');
      session.acknowledge(0, 100);
      await client.flush();
      expectSame('the ticks', ticksFrom(1, 3), session.ticks);
    },
  },
  {
    name: 'backpressure',
    role: 'publisher',
    promise: 'Sends a frame again that was refused with backpressure; loses and doubles nothing.',
    section: 'Credit and overflow',
    async run(rig) {
      const { client, server } = await rig.pair('publisher');
      let refusals = 0;
      const session = await rig.publishing(server, {
        welcome: { overflow: 'wait' },
        onTicks: ({ sequence }, own) => {
          if (refusals++ > 0) own.acknowledge(sequence);
          else own.send([Op.ERROR, null, 12, 'beyond the credit', true, 100]);
        },
      });
      await client.publish(...ticksFrom(1, 3));
      await client.flush();
      expectSame('the ticks', [...ticksFrom(1, 3), ...ticksFrom(1, 3)], session.ticks);
      expectSame('the sequences', [1, 1], session.sequences);
    },
  },
  {
    name: 'publisher-rate-limited',
    role: 'publisher',
    promise: 'Sends a rate_limited frame again as it was, not before retryAfterMs.',
    section: 'Rates',
    async run(rig) {
      const { client, server } = await rig.pair('publisher');
      const times: number[] = [];
      const session = await rig.publishing(server, {
        onTicks: ({ sequence }, own) => {
          if (times.push(performance.now()) > 1) own.acknowledge(sequence);
          else own.send([Op.ERROR, null, 9, 'too many ticks', true, RETRY_MS]);
        },
      });
      await client.publish(...ticksFrom(1, 3));
      await client.flush();
      expectSame('the frames', session.frames[0], session.frames[1]);
      const waitMs = (times[1] as number) - (times[0] as number);
      expect(waitMs >= RETRY_MS - EARLY_MS, `${RETRY_MS} ms`, () => `${waitMs.toFixed(0)} ms`);
    },
  },
  {
    name: 'reject',
    role: 'publisher',
    promise: 'Tells which tick a REJECT means, with its code; counts it as rejected.',
    section: 'TICKS',
    async run(rig) {
      const { client, server } = await rig.pair('publisher');
      await rig.publishing(server, {
        onTicks: ({ sequence, ticks }, own) => {
          const at = ticks.findIndex(([, price]) => price === 7);
          if (at >= 0) own.reject(sequence, [at, 5]);
          own.acknowledge(sequence);
        },
      });
      await client.publish(...ticksFrom(1, 5));
      await client.flush();
      await client.publish(...ticksFrom(6, 4));
      await client.flush();
      const { symbol, price, code } = await client.process.event('reject');
      const expected = { symbol: 'BTC', price: 7, code: 5 };
      expectSame('the tick', expected, { symbol, price, code });
      expectSame('rejections', 1, client.process.eventsOf('reject').length);
      const { accepted, rejected } = await client.totals();
      expectSame('totals', { accepted: 8, rejected: 1 }, { accepted, rejected });
    },
  },
  {
    name: 'bad-ticks',
    role: 'publisher',
    promise: 'Refuses a tick that the server would refuse at the call, and sends nothing of it.',
    section: 'TICKS',
    async run(rig) {
      const { client, server } = await rig.pair('publisher');
      const session = await rig.publishing(server);
      for (const tick of BAD_TICKS) {
        await client.failure(client.publish(tick), `an error for ${shown(tick)}`);
      }
      await client.publish(...ticksFrom(1, 2));
      await client.flush();
      expectSame('the ticks', ticksFrom(1, 2), session.ticks);
    },
  },
  {
    name: 'flush',
    role: 'publisher',
    promise: 'Flushes until everything published before is acknowledged, not merely sent.',
    section: 'ACK',
    async run(rig) {
      const { client, server } = await rig.pair('publisher');
      const session = await rig.publishing(server, { onTicks: () => undefined });
      await client.publish(...ticksFrom(1, 3));
      let isFlushed = false;
      const flushing = later(
        client.flush().then(() => {
          isFlushed = true;
        }),
      );
      await session.received(3);
      await rig.stays(
        QUIET_MS,
        () => isFlushed,
        'a flush that waits for ACK',
        () => 'its end',
      );
      session.acknowledge(session.sequences.at(-1) as number);
      await flushing;
    },
  },
  {
    name: 'publisher-close',
    role: 'publisher',
    promise: 'Loses nothing when it is closed: sends the rest, waits for ACK, then closes.',
    section: 'ACK',
    async run(rig) {
      const { client, server } = await rig.pair('publisher');
      const session = await rig.publishing(server, { onTicks: () => undefined });
      await client.publish(...ticksFrom(1, 3));
      const ending = later(client.close());
      await session.received(3);
      let isClosed = false;
      void session.connection.closed.then(() => {
        isClosed = true;
      });
      await rig.stays(
        QUIET_MS,
        () => isClosed,
        'a connection that waits for ACK',
        () => 'its end',
      );
      session.acknowledge(session.sequences.at(-1) as number);
      await ending;
      await closing(rig, session.connection);
      expectSame('the ticks', ticksFrom(1, 3), session.ticks);
      await client.reaches('closed');
    },
  },
  {
    name: 'frame-limits',
    role: 'publisher',
    promise: 'Keeps to ticksPerFrameMax and frameBytesMax of WELCOME.',
    section: 'Session start',
    async run(rig) {
      const { client, server } = await rig.pair('publisher');
      const limits = { frameBytesMax: 4096, ticksPerFrameMax: 10, symbolsMax: 65_536 };
      const others = { subscriptionsMax: 1000, authTimeoutMs: 10_000 };
      const welcome = { limits: { ...limits, ...others } };
      const session = await rig.publishing(server, { welcome });
      await client.publish(...ticksFrom(1, 100));
      await client.publish(...Array.from({ length: 200 }, (_, i) => [`S-${i}`, 1, i] as const));
      await client.flush();
      const largest = Math.max(...session.frames.map(({ ticks }) => ticks.length));
      expect(largest <= 10, 'at most 10 ticks a frame', () => String(largest));
      const bytes = Math.max(...session.connection.messageBytes);
      expect(bytes <= 4096, 'at most 4096 bytes a frame', () => String(bytes));
      expectSame('the number of ticks', 300, session.ticks.length);
    },
  },
  {
    name: 'totals',
    role: 'publisher',
    promise: 'Counts each tick once, over lost connections: accepted, rejected or resumed.',
    section: 'ACK',
    async run(rig) {
      const { client, server } = await rig.pair('publisher', { publisher: 'kit-feed' });
      const first = await rig.publishing(server, { onTicks: () => undefined });
      await client.publish(...ticksFrom(1, 3));
      await first.received(3);
      first.acknowledge(first.sequences.at(-1) as number);
      await client.flush();
      await client.publish(...ticksFrom(4, 2));
      await first.received(5);
      const sequence = first.sequences.at(-1) as number;
      first.connection.cut();
      await rig.publishing(server, { welcome: { sequence } });
      await client.publish(...ticksFrom(6, 4));
      await client.flush();
      const { sent, accepted, rejected, dropped, resumed, unacknowledged } = await client.totals();
      const expected = { sent: 9, accepted: 7, rejected: 0, dropped: 0, resumed: 2 };
      const got = { sent, accepted, rejected, dropped, resumed, unacknowledged };
      expectSame('totals', { ...expected, unacknowledged: 0 }, got);
    },
  },
];
