import { MarketOracle } from '../../testkit/independent/market.ts';
import { IndependentPublisher } from '../../testkit/independent/publisher.ts';
import type { MarketTick } from '../../testkit/independent/statistics.ts';
import { residentBytesOfGroup } from '../../testkit/process-figures.ts';
import { Random } from '../../testkit/random.ts';
import { seededMarket } from '../../testkit/ticks.ts';
import { delay } from '../../testkit/until.ts';
import type { Check } from '../check.ts';
import { anomalyOf, type Client } from '../client.ts';
import { Broken, expect, expectSame, shown } from '../expect.ts';
import { later, type Rig } from '../rig.ts';

const SYMBOLS = Array.from({ length: 12 }, (_, i) => `MKT-${i}`);
const MARKET_SEED = 7;
const TICKS = 12_000;
const FRAME_TICKS = 40;
const CUTS = 4;
const MIB = 1_048_576;
/** Far more than a client needs while the market goes on without it. */
const GROWTH_MIB_MAX = 64;

const HELD = ['price', 'average', 'count', 'min', 'max'] as const;

/** What the server answers about its symbols, of the fields that HTTP gives exactly. */
async function served(port: number): Promise<Record<string, unknown>> {
  const response = await fetch(`http://127.0.0.1:${port}/api/prices?symbols=*`);
  const { items } = (await response.json()) as { items: Record<string, unknown>[] };
  const names = ['currentPrice', 'movingAverage', 'updateCount', 'minPrice', 'maxPrice'] as const;
  const rows = items.map((item) => [item.symbol, names.map((name) => item[name])] as const);
  return Object.fromEntries(rows.sort(([a], [b]) => String(a).localeCompare(String(b))));
}

/** The same of what the client holds. */
async function held(client: Client): Promise<Record<string, unknown>> {
  const rows = (await client.symbols()).filter(({ live }) => live);
  const own = rows.map((row) => [row.symbol, HELD.map((field) => row[field])] as const);
  return Object.fromEntries(own.sort(([a], [b]) => a.localeCompare(b)));
}

/** Resolves when the client holds what the server answers, and VERIFY says so. */
async function agrees(rig: Rig, client: Client, port: number): Promise<void> {
  const deadline = performance.now() + 2 * rig.patienceMs;
  for (;;) {
    const [own, server] = [await held(client), await served(port)];
    if (shown(own) === shown(server) && Object.keys(own).length > 0) break;
    const late = performance.now() > deadline;
    if (late) throw new Broken(`what the server holds, ${shown(server)}`, shown(own));
    await delay(50);
  }
  expect(await client.verify(), 'VERIFY to find it in sync', () => 'that it does not');
}

/** A market whose first ticks bring every symbol. */
function market(seed: number): { readonly opening: MarketTick[]; readonly ticks: MarketTick[] } {
  const ticks = seededMarket({ seed, symbols: SYMBOLS, ticks: TICKS });
  const { time } = ticks[0] as MarketTick;
  const opening = SYMBOLS.map((symbol, i) => ({ symbol, price: 100 + i, time }));
  return { opening, ticks };
}

/** Publishes a market at a pace, so that a client sees many of its states. */
async function publish(
  port: number,
  ticks: readonly MarketTick[],
  betweenFrames: (index: number) => void = () => undefined,
): Promise<void> {
  const publisher = await IndependentPublisher.connect(port);
  for (let at = 0; at < ticks.length; at += FRAME_TICKS) {
    publisher.publish(ticks.slice(at, at + FRAME_TICKS));
    betweenFrames(at);
    await delay(5);
  }
  await publisher.acknowledged();
  publisher.close();
}

/** Throws what is wrong with any state that the client ever shows. */
async function watch(client: Client, oracle: MarketOracle, isOver: () => boolean): Promise<void> {
  const counts = new Map<string, number>();
  while (!isOver()) {
    for (const { symbol, live: _, ...row } of await client.symbols()) {
      const count = row.count ?? 0;
      const fault = oracle.fault(symbol, row as never);
      expect(fault === undefined, 'states that the symbol really had', () => fault ?? '');
      const before = counts.get(symbol) ?? 0;
      expect(count >= before, `${symbol} not to go back from ${before}`, () => String(count));
      counts.set(symbol, count);
    }
    await delay(10);
  }
}

function sequencesOf(list: readonly { readonly sequence: number }[]): number[] {
  return list.map(({ sequence }) => sequence);
}

async function subscribeAll(client: Client, opening: readonly MarketTick[]): Promise<void> {
  for (const { symbol, price } of opening) await client.holds(symbol, { price });
}

/** With a real server. */
export const realServerChecks: readonly Check[] = [
  {
    name: 'market-with-cuts',
    role: 'subscriber',
    promise: 'Never shows a number that was not, and misses nothing in the end, over cut lines.',
    section: 'STATS',
    async run(rig) {
      const { opening, ticks } = market(MARKET_SEED);
      const oracle = new MarketOracle([...opening, ...ticks]);
      const { port } = await rig.realServer(['--stream.recentAnomaliesPerSymbol=65536']);
      const proxy = await rig.proxy(port);
      const client = rig.client();
      await client.connect('subscriber', proxy.url);
      await client.subscribe(['*']);
      await publish(port, opening);
      await subscribeAll(client, opening);
      let isOver = false;
      const watching = later(watch(client, oracle, () => isOver));
      const random = new Random(MARKET_SEED);
      const cuts = new Set(random.sample(CUTS, TICKS / FRAME_TICKS));
      await publish(port, ticks, (at) => {
        if (cuts.has(at / FRAME_TICKS)) proxy.cut();
      });
      await agrees(rig, client, port);
      isOver = true;
      await watching;
      for (const symbol of SYMBOLS) {
        const expected = oracle.anomalies(symbol);
        const last = expected.at(-1)?.sequence;
        if (last !== undefined) await client.toldOf(symbol, last);
        const own = client.anomalies.filter((anomaly) => anomaly.symbol === symbol);
        const what = `of ${symbol} the anomalies`;
        expectSame(what, sequencesOf(expected), sequencesOf(own));
        expectSame(
          what,
          expected.map((one) => anomalyOf({ ...one })),
          own,
        );
      }
    },
  },
  {
    name: 'server-killed',
    role: 'subscriber',
    promise: 'Holds the state of the new server after kill -9, and nothing of the old one.',
    section: 'Reconnecting',
    async run(rig) {
      const { opening } = market(MARKET_SEED);
      const server = await rig.realServer();
      const { port } = server;
      const client = rig.client();
      await client.connect('subscriber', `ws://127.0.0.1:${port}`);
      await client.subscribe(['*']);
      await publish(port, opening);
      await agrees(rig, client, port);
      await server.end();
      await rig.realServer([], port);
      const half = opening.slice(0, SYMBOLS.length / 2).reverse();
      await publish(
        port,
        half.map((tick) => ({ ...tick, price: tick.price * 2 })),
      );
      await agrees(rig, client, port);
    },
  },
  {
    name: 'slow-reader',
    role: 'subscriber',
    promise: 'Ends at the newest state after it read nothing for a while, with bounded memory.',
    section: 'STATS',
    async run(rig) {
      const { opening, ticks } = market(MARKET_SEED + 1);
      const { port } = await rig.realServer();
      const client = rig.client();
      await client.connect('subscriber', `ws://127.0.0.1:${port}`);
      await client.subscribe(['*'], { anomalies: false });
      await publish(port, opening);
      await subscribeAll(client, opening);
      const before = residentBytesOfGroup(client.process.pid);
      client.process.signal('SIGSTOP');
      try {
        await publish(port, ticks);
      } finally {
        client.process.signal('SIGCONT');
      }
      await agrees(rig, client, port);
      const grownMib = (residentBytesOfGroup(client.process.pid) - before) / MIB;
      const most = `at most ${GROWTH_MIB_MAX} MiB more memory`;
      expect(grownMib <= GROWTH_MIB_MAX, most, () => `${grownMib.toFixed(0)} MiB`);
    },
  },
];
