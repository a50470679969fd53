import type { Frame } from '../../src/protocol/index.ts';
import { Op } from '../../testkit/independent/protocol.ts';
import type { ScriptedConnection } from '../../testkit/scripted-server.ts';
import type { Check } from '../check.ts';
import type { ClientTick } from '../client.ts';
import { expect, expectSame, shown } from '../expect.ts';
import { later } from '../rig.ts';
import type { TicksFrame } from '../scripted/publish-session.ts';
import { renewsToken } from '../subscriber/connecting.ts';
import { comesBack, ends } from '../subscriber/reconnecting.ts';

/** Ticks with prices `from`, `from + 1` …, of two symbols in turn. */
export function ticksFrom(from: number, count: number): ClientTick[] {
  return Array.from({ length: count }, (_, i) => {
    const price = from + i;
    return [price % 2 === 0 ? 'ETH' : 'BTC', price, 1_700_000_000_000 + price];
  });
}

function pricesOf(ticks: readonly (readonly unknown[])[]): unknown[] {
  return ticks.map(([, price]) => price);
}

function contentOf({ sequence, ticks }: TicksFrame): unknown {
  return [sequence, pricesOf(ticks)];
}

/** The first TICKS of a connection; a token may come before. */
async function firstTicks(connection: ScriptedConnection): Promise<Frame> {
  let frame = await connection.next();
  while (frame[0] !== Op.TICKS) frame = await connection.next();
  return frame;
}

/** Numbers of frames, over one connection and several. */
export const sequenceChecks: readonly Check[] = [
  {
    name: 'publish',
    role: 'publisher',
    promise: 'Publishes ticks in order under its name, in frames numbered from 1.',
    section: 'Sequences',
    async run(rig) {
      const { client, server } = await rig.pair('publisher', { publisher: 'kit-feed' });
      const session = await rig.publishing(server);
      const { pathname, searchParams } = session.connection.url;
      expectSame('the path', '/v1/publish', pathname);
      expectSame('the name', 'kit-feed', searchParams.get('publisher'));
      await client.publish(...ticksFrom(1, 5));
      await client.flush();
      await client.publish(...ticksFrom(6, 3));
      await client.flush();
      // A client whose flush returns too early breaks another promise.
      await session.received(8);
      expectSame('the ticks', ticksFrom(1, 8), session.ticks);
      const expected = session.sequences.map((_, i) => i + 1);
      expectSame('the sequences', expected, session.sequences);
      expectSame('violations', [], session.violations);
    },
  },
  {
    name: 'exact-ticks',
    role: 'publisher',
    promise: 'Sends exact doubles, and nil where a tick has no time.',
    section: 'TICKS',
    async run(rig) {
      const { client, server } = await rig.pair('publisher');
      const session = await rig.publishing(server);
      const ticks: ClientTick[] = [
        ['BTC', 0.1 + 0.2, 1_700_000_000_000.25],
        ['Köln 株式 😀', 5e-324, null],
        ['__proto__', 1.7976931348623157e308, 0],
        ['BTC', 64_250.5, 1_700_000_000_123.4568],
      ];
      await client.publish(...ticks);
      await client.flush();
      expectSame('the ticks', ticks, session.ticks);
    },
  },
  {
    name: 'welcome-before-ticks',
    role: 'publisher',
    promise: 'Reads WELCOME before it sends, and goes on from its sequence.',
    section: 'Reconnecting',
    async run(rig) {
      const { client, server } = await rig.pair('publisher', { publisher: 'kit-feed' });
      await client.publish(...ticksFrom(1, 3));
      const connection = await rig.connection(server);
      const early = await Promise.race([
        firstTicks(connection),
        new Promise((resolve) => setTimeout(resolve, 300)),
      ]);
      expect(early === undefined, 'no TICKS before WELCOME', () => shown(early));
      connection.cut();
      const session = await rig.publishing(server, { welcome: { sequence: 41 } });
      await client.flush();
      expectSame('the first sequence', 42, session.sequences[0]);
      expectSame('the ticks', ticksFrom(1, 3), session.ticks);
    },
  },
  {
    name: 'resend',
    role: 'publisher',
    promise: 'Sends again what was not acknowledged, in the same frames, after a lost connection.',
    section: 'Reconnecting',
    async run(rig) {
      const { client, server } = await rig.pair('publisher', { publisher: 'kit-feed' });
      const first = await rig.publishing(server, { onTicks: () => undefined });
      // A frame each.
      for (const price of [1, 3, 5, 7]) {
        await client.publish(...ticksFrom(price, 2));
        await first.received(price + 1);
      }
      const ofPrice = (price: number) =>
        first.frames.find(({ ticks }) => pricesOf(ticks).includes(price))?.sequence as number;
      const settled = ofPrice(4);
      const kept = first.frames.filter(({ sequence }) => sequence > settled);
      first.acknowledge(ofPrice(2));
      first.connection.cut();
      // The acknowledgement of the second frame was lost with the connection.
      const second = await rig.publishing(server, { welcome: { sequence: settled } });
      await client.publish(...ticksFrom(9, 2));
      await client.flush();
      const expected = [...kept.flatMap(({ ticks }) => ticks), ...ticksFrom(9, 2)];
      expectSame('the ticks', pricesOf(expected), pricesOf(second.ticks));
      // The server may have taken some of them, and knows them by their numbers.
      const again = second.frames.slice(0, kept.length);
      expectSame('the frames sent again', kept.map(contentOf), again.map(contentOf));
      const numbers = second.sequences.map((_, i) => settled + 1 + i);
      expectSame('the sequences', numbers, second.sequences);
      expectSame('violations', [], second.violations);
    },
  },
  {
    name: 'nothing-to-resend',
    role: 'publisher',
    promise: 'Sends nothing again where the server has everything, though its ACK was lost.',
    section: 'Reconnecting',
    async run(rig) {
      const { client, server } = await rig.pair('publisher', { publisher: 'kit-feed' });
      const first = await rig.publishing(server, { onTicks: () => undefined });
      await client.publish(...ticksFrom(1, 4));
      await first.received(4);
      const flushing = later(client.flush());
      const sequence = first.sequences.at(-1) as number;
      first.connection.cut();
      const second = await rig.publishing(server, { welcome: { sequence } });
      await flushing;
      await client.publish(...ticksFrom(5, 1));
      await client.flush();
      expectSame('the ticks', ticksFrom(5, 1), second.ticks);
      expectSame('the sequence', sequence + 1, second.sequences[0]);
    },
  },
  {
    name: 'server-started-over',
    role: 'publisher',
    promise: 'Renumbers what is unacknowledged if the server knows less than it acknowledged.',
    section: 'Reconnecting',
    async run(rig) {
      const { client, server } = await rig.pair('publisher', { publisher: 'kit-feed' });
      const first = await rig.publishing(server, {
        onTicks: ({ ticks, sequence }, own) => {
          if (pricesOf(ticks).includes(1)) own.acknowledge(sequence);
        },
      });
      await client.publish(...ticksFrom(1, 1));
      await client.flush();
      await client.publish(...ticksFrom(2, 3));
      await first.received(4);
      first.connection.cut();
      const second = await rig.publishing(server, { welcome: { sequence: 0, epoch: 'second' } });
      await client.flush();
      expectSame('the ticks', ticksFrom(2, 3), second.ticks);
      expectSame('the first sequence', 1, second.sequences[0]);
    },
  },
  {
    name: 'foreign-sequence',
    role: 'publisher',
    promise: 'Stops and reports when the server has frames that it never sent.',
    section: 'Reconnecting',
    async run(rig) {
      const { client, server } = await rig.pair('publisher', { publisher: 'kit-feed' });
      const first = await rig.publishing(server);
      await client.publish(...ticksFrom(1, 1));
      await client.flush();
      first.connection.cut();
      await rig.publishing(server, { welcome: { sequence: 100 } });
      await client.reaches('closed');
    },
  },
  {
    name: 'aliases-declared-again',
    role: 'publisher',
    promise: 'Uses on a connection only the aliases that it declared on it.',
    section: 'ALIAS',
    async run(rig) {
      const { client, server } = await rig.pair('publisher', { publisher: 'kit-feed' });
      const first = await rig.publishing(server);
      await client.publish(...ticksFrom(1, 4));
      await client.flush();
      const sequence = first.sequences.at(-1) as number;
      first.connection.cut();
      const second = await rig.publishing(server, { welcome: { sequence } });
      await client.publish(...ticksFrom(5, 4));
      await client.flush();
      expectSame('violations', [], [...first.violations, ...second.violations]);
      expectSame('the ticks', ticksFrom(5, 4), second.ticks);
    },
  },
  {
    name: 'taken-over',
    role: 'publisher',
    promise: 'Ends when another connection took its name over (4004), and does not fight.',
    section: 'Close codes',
    run: (rig) => ends(rig, 'publisher', 4004),
  },
  {
    name: 'publisher-token-renewal',
    role: 'publisher',
    promise: 'Replaces its token by AUTH in the open session, and uses it from then on.',
    section: 'Connecting',
    run: (rig) => renewsToken(rig, 'publisher'),
  },
  {
    name: 'publisher-comes-back',
    role: 'publisher',
    promise: 'Reconnects and resumes after a sequence gap (4005) and the other codes below 4500.',
    section: 'Close codes',
    async run(rig) {
      const codes = [1006, 1013, 4001, 4002, 4005, 4010];
      await Promise.all(codes.map((code) => comesBack(rig, 'publisher', code)));
    },
  },
  {
    name: 'publisher-ends',
    role: 'publisher',
    promise: 'Ends for good after the close codes from 4500 to 4999, and says so.',
    section: 'Close codes',
    async run(rig) {
      await Promise.all([4500, 4501, 4507].map((code) => ends(rig, 'publisher', code)));
    },
  },
  {
    name: 'publisher-unknown-ignored',
    role: 'publisher',
    promise: 'Ignores ops, keys and further elements that it does not know.',
    section: 'Session start',
    async run(rig) {
      const { client, server } = await rig.pair('publisher');
      const session = await rig.publishing(server, {
        welcome: { later: { deep: [1, 2] } },
        onTicks: ({ sequence, ticks }, own) => {
          own.send([34, 'later', { key: 1 }]);
          own.send([Op.ACK, sequence, ticks.length, 0, 0, own.credit, 'later']);
        },
      });
      await client.publish(...ticksFrom(1, 3));
      await client.flush();
      await client.publish(...ticksFrom(4, 2));
      await client.flush();
      expectSame('the ticks', ticksFrom(1, 5), session.ticks);
      expect(server.waiting === 0, 'one connection', () => 'another one');
    },
  },
];
