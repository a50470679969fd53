import { Random } from '../../testkit/random.ts';
import type { Check } from '../check.ts';
import { expect, expectSame, shown } from '../expect.ts';
import { later } from '../rig.ts';
import { deltaEntry, fullEntry, oneTick, type Values } from '../scripted/market.ts';

const SEED = 2;
/** Doubles that lose a digit in anything narrower, or where they are added carelessly. */
const EXACT = [
  0.1 + 0.2,
  64_250.5,
  1 / 3,
  5e-324,
  2.2250738585072014e-308,
  1.7976931348623157e308,
  1e21,
  9_007_199_254_740_991,
  2_251_799_813_685_248.5,
  0.000_001,
];
const TIMES = [1_700_000_000_000.25, 0, 0.5, 8_640_000_000_000_000, 1_700_000_000_123.4568];

function random(rng: Random, before: Values): Values {
  const price = () => rng.logUniform(0.001, 1e6);
  const [count, time] = [
    before.count + rng.between(1, 1000),
    before.time + rng.between(0, 4e5) / 8,
  ];
  return { price: price(), average: price(), count, time, min: price(), max: price() };
}

/** The state after a delta: the fields of the mask are new. */
function merged(from: Values, to: Values, mask: number): Values {
  const entries = Object.entries(from).map(([name, value], i) => {
    const isNew = (mask & (1 << i)) !== 0;
    return [name, isNew ? to[name as keyof Values] : value];
  });
  return Object.fromEntries(entries) as Values;
}

/** The state of a symbol, entry by entry. */
export const entryChecks: readonly Check[] = [
  {
    name: 'full-entries',
    role: 'subscriber',
    promise: 'A full entry replaces everything known of its symbol.',
    section: 'STATS',
    async run(rig) {
      const { client, session } = await rig.subscriber(['*'], { isSilent: true });
      const rng = new Random(SEED);
      session.name('BTC', 'ETH');
      let values = oneTick(1);
      for (let i = 0; i < 20; i++) {
        values = random(rng, { ...values, count: 1 + (i % 3), time: i * 1000 });
        session.stats([...fullEntry(0, values), ...fullEntry(1, oneTick(i + 1))]);
        await client.holds('BTC', values);
        await client.holds('ETH', oneTick(i + 1));
      }
    },
  },
  {
    name: 'delta-entries',
    role: 'subscriber',
    promise: 'Applies every mask: count and time as increases, the others as new values.',
    section: 'STATS',
    async run(rig) {
      const rng = new Random(SEED);
      let values: Values = oneTick(100);
      rig.market.values.set('BTC', values);
      const { client, session } = await rig.subscriber(['BTC']);
      await client.holds('BTC', values);
      const masks = Array.from({ length: 63 }, (_, i) => i + 1);
      for (const mask of [...masks, ...masks.reverse()]) {
        values = merged(values, random(rng, values), mask);
        session.delta('BTC', values, mask);
        await client.holds('BTC', values);
      }
    },
  },
  {
    name: 'entry-order',
    role: 'subscriber',
    promise: 'Applies all entries of a frame in order, several of one symbol too.',
    section: 'STATS',
    async run(rig) {
      const rng = new Random(SEED);
      const { client, session } = await rig.subscriber(['*'], { isSilent: true });
      session.name('BTC', 'ETH');
      const steps = [oneTick(1)];
      for (let i = 0; i < 50; i++) steps.push(random(rng, steps.at(-1) as Values));
      const deltas = steps
        .slice(1)
        .flatMap((to, i) => [
          ...deltaEntry(0, steps[i] as Values, to, 63),
          ...fullEntry(1, oneTick(i + 2)),
        ]);
      session.stats([...fullEntry(0, oneTick(1)), ...deltas]);
      await client.holds('BTC', steps.at(-1) as Values);
      await client.holds('ETH', oneTick(51));
    },
  },
  {
    name: 'exact-numbers',
    role: 'subscriber',
    promise: 'Holds exactly the doubles of the server, sums of increases included.',
    section: 'STATS',
    async run(rig) {
      let values: Values = oneTick(1, 1_700_000_000_000.25);
      rig.market.values.set('BTC', values);
      const { client, session } = await rig.subscriber(['BTC']);
      for (const [i, price] of EXACT.entries()) {
        const time = TIMES[i % TIMES.length] as number;
        const max = EXACT[(i + 1) % EXACT.length] as number;
        values = { price, average: price, count: 2 ** 40 + i, time, min: price, max };
        session.stats(fullEntry(0, values));
        await client.holds('BTC', values);
        rig.market.values.set('BTC', values);
        const later = { ...values, count: values.count + 3, time: time + 0.125 };
        session.delta('BTC', later, 12);
        await client.holds('BTC', { ...later, time: time + (later.time - time) });
      }
    },
  },
  {
    name: 'chosen-fields',
    role: 'subscriber',
    promise: 'Asks for the fields that are wanted, and has no value for the others.',
    section: 'SUBSCRIBE and UNSUBSCRIBE',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100, 5000));
      const { client, server } = await rig.pair('subscriber');
      const subscribing = later(client.subscribe(['BTC'], { fields: 9, anomalies: false }));
      const session = await rig.stream(server);
      await session.subscribed('BTC');
      const wanted = { stats: true, anomalies: false, alerts: false, fields: 9 };
      expectSame('the options', wanted, session.patterns.get('BTC'));
      await subscribing;
      const nothing = { average: null, count: null, min: null, max: null };
      await client.holds('BTC', { price: 100, time: 5000, ...nothing });
      session.delta('BTC', { ...oneTick(101), time: 6000 }, 9);
      await client.holds('BTC', { price: 101, time: 6000, ...nothing });
    },
  },
  {
    name: 'no-invented-state',
    role: 'subscriber',
    promise: 'Shows nothing for a delta that no full entry precedes in its session.',
    section: 'STATS',
    async run(rig) {
      const { client, server, session } = await rig.subscriber(['BTC', 'ETH'], { isSilent: true });
      session.name('BTC', 'ETH');
      session.stats([0, 47, 65_600, 64_925.25, 1, 90, 65_600]);
      session.stats(fullEntry(1, oneTick(7)));
      // It may drop the connection at once, or go on with the symbol that it knows.
      await Promise.race([later(client.holds('ETH', oneTick(7))), later(rig.connection(server))]);
      const row = await client.get('BTC');
      expect(row?.live !== true, 'no live row of BTC', () => shown(row));
    },
  },
];
