import { Op } from '../../testkit/independent/protocol.ts';
import { Random } from '../../testkit/random.ts';
import { encodeAnyWay } from '../../testkit/wide-message-pack.ts';
import type { Check } from '../check.ts';
import { fullEntry, oneTick, type Values } from '../scripted/market.ts';

const SEED = 1;
/** Frames of random forms: each form of each number comes many times. */
const FRAMES = 200;
/** Symbols of a frame beyond 1 MiB: an entry of them takes some 60 bytes. */
const MANY = 30_000;

/** Values at the edges of every integer and float width, as far as a price or time may be that. */
const EDGES = [
  1,
  127,
  128,
  255,
  256,
  32_767,
  32_768,
  65_535,
  65_536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53 - 1,
  0.5,
  1.5,
  16_777_216,
  16_777_217,
  0.1,
  1e-300,
  1.7e308,
];

const NAMES = [
  'Köln 1',
  '株式',
  '😀'.repeat(32),
  '__proto__',
  'constructor',
  'a"b\\c',
  "O'Neil & Söhne",
  'e\u0301',
  '\u00e9',
  'x'.repeat(32),
];

/** Reading what a server may write. */
export const encodingChecks: readonly Check[] = [
  {
    name: 'number-widths',
    role: 'subscriber',
    promise: 'Reads every integer and float width of MessagePack as the same number.',
    section: 'Frames',
    async run(rig) {
      const random = new Random(SEED);
      const choose = (count: number) => random.below(count);
      const { client, session } = await rig.subscriber(['BTC'], { isSilent: true });
      session.name('BTC');
      const id = rig.market.idOf('BTC');
      let values: Values = oneTick(1);
      for (let i = 0; i < FRAMES; i++) {
        const [price, average, min, max] = [0, 1, 2, 3].map(() => random.pick(EDGES));
        const [count, time] = [random.pick(EDGES.slice(0, 14)), random.pick(EDGES.slice(0, 18))];
        values = { price, average, min, max, count, time } as Values;
        const frame = [Op.STATS, random.pick(EDGES), fullEntry(id, values)] as const;
        session.sendAs(frame, encodeAnyWay(frame, choose));
        if (i % 10 === 0) await client.holds('BTC', values);
      }
      await client.holds('BTC', values);
    },
  },
  {
    name: 'symbol-names',
    role: 'subscriber',
    promise: 'Takes any symbol as it is: every script, not normalized, no name special.',
    section: 'Symbols and patterns',
    async run(rig) {
      for (const [i, name] of NAMES.entries()) rig.market.values.set(name, oneTick(i + 1));
      const { client, session } = await rig.subscriber(['*']);
      for (const [i, name] of NAMES.entries()) await client.holds(name, oneTick(i + 1));
      for (const name of NAMES) session.anomalies(name, [rig.market.raise(name)]);
      for (const name of NAMES) await client.toldOf(name, 1);
    },
  },
  {
    name: 'large-frames',
    role: 'subscriber',
    promise: 'Reads messages far longer than 1 MiB.',
    section: 'Frames',
    async run(rig) {
      const { client, session } = await rig.subscriber(['*'], { isSilent: true });
      const names = Array.from({ length: MANY }, (_, i) => `LARGE-${i}`);
      for (const [i, name] of names.entries()) rig.market.values.set(name, oneTick(i + 0.1));
      session.full(...names);
      await client.holds(`LARGE-${MANY - 1}`, oneTick(MANY - 0.9));
    },
  },
];
