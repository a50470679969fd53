import { expectedMarket, type MarketTick } from '../../testkit/independent/statistics.ts';
import { Random } from '../../testkit/random.ts';
import { TempFolder } from '../../testkit/temp-folder.ts';
import { delay } from '../../testkit/until.ts';
import type { Check } from '../check.ts';
import type { Client } from '../client.ts';
import { Broken, expectSame } from '../expect.ts';
import type { Rig } from '../rig.ts';

const SEED = 11;
const TICKS = 4000;
/** Ticks that the client is given at a time. */
const CALL_TICKS = 50;
const CUTS = 4;
const START = 1_700_000_000_000;

/** Prices that differ by less than an anomaly, each another one. */
function story(): MarketTick[] {
  return Array.from({ length: TICKS }, (_, i) => ({
    symbol: `PUB-${i % 3}`,
    price: 1000 + i / 1000,
    time: START + i,
  }));
}

/** What the server says of a symbol; after a start it may take a moment. */
async function counted(rig: Rig, port: number, symbol: string, count: number) {
  const deadline = performance.now() + rig.patienceMs;
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${port}/api/prices/${symbol}`);
    const found = (await response.json()) as Record<string, unknown>;
    if (found.updateCount === count) return found;
    if (performance.now() > deadline || Number(found.updateCount) > count) {
      throw new Broken(`${count} ticks of ${symbol}`, String(found.updateCount));
    }
    await delay(20);
  }
}

/** Each tick of the story must have been applied once, the last one last. */
async function expectApplied(rig: Rig, port: number, ticks: readonly MarketTick[]): Promise<void> {
  for (const [symbol, { after }] of expectedMarket(ticks)) {
    const last = after.at(-1);
    const found = await counted(rig, port, symbol, last?.count ?? 0);
    const { currentPrice: price, minPrice: min, maxPrice: max } = found;
    const expected = { price: last?.price, min: last?.min, max: last?.max };
    expectSame(`of ${symbol}`, expected, { price, min, max });
  }
}

/** Publishes the story, with something happening at some of the calls. */
async function tell(
  client: Client,
  ticks: readonly MarketTick[],
  meanwhile: (call: number) => Promise<void> | void,
): Promise<void> {
  for (let at = 0; at < ticks.length; at += CALL_TICKS) {
    const some = ticks.slice(at, at + CALL_TICKS);
    await client.publish(...some.map(({ symbol, price, time }) => [symbol, price, time] as const));
    await meanwhile(at / CALL_TICKS);
    await delay(5);
  }
}

/** With a real server: each tick is applied once. */
export const realPublishingChecks: readonly Check[] = [
  {
    name: 'once-over-cuts',
    role: 'publisher',
    promise: 'Has each tick applied once, in order, however often its line is cut.',
    section: 'Sequences',
    async run(rig) {
      const { port } = await rig.realServer();
      const proxy = await rig.proxy(port);
      const client = rig.client();
      await client.connect('publisher', proxy.url, { publisher: 'kit-feed' });
      const random = new Random(SEED);
      const cuts = new Set(random.sample(CUTS, TICKS / CALL_TICKS));
      await tell(client, story(), (call) => {
        if (cuts.has(call)) proxy.cut();
      });
      await rig.patiently(client.flush(), 'the end of the flush');
      await expectApplied(rig, port, story());
    },
  },
  {
    name: 'once-over-kill',
    role: 'publisher',
    promise: 'Has each tick applied once by a durable server that is killed (kill -9) amid it.',
    section: 'Reconnecting',
    async run(rig) {
      const folder = new TempFolder();
      rig.defer(() => folder[Symbol.dispose]());
      const flags = [
        `--store.directory=${folder.path}`,
        '--store.snapshotIntervalMs=100',
        '--publish.acknowledge=durable',
      ];
      const server = await rig.realServer(flags);
      const { port } = server;
      const client = rig.client();
      await client.connect('publisher', `ws://127.0.0.1:${port}`, { publisher: 'kit-feed' });
      let restarted: Promise<unknown> = Promise.resolve();
      await tell(client, story(), (call) => {
        if (call !== TICKS / CALL_TICKS / 2) return;
        restarted = server.end().then(() => rig.realServer(flags, port));
      });
      await restarted;
      await rig.patiently(client.flush(), 'the end of the flush');
      await expectApplied(rig, port, story());
    },
  },
  {
    name: 'once-under-wait',
    role: 'publisher',
    promise: 'Loses nothing under the policy wait with a queue that is always full.',
    section: 'Credit and overflow',
    async run(rig) {
      const flags = ['--processing.overflow=wait', '--processing.channelCapacity=64'];
      const { port } = await rig.realServer(flags);
      const client = rig.client();
      await client.connect('publisher', `ws://127.0.0.1:${port}`, { publisher: 'kit-feed' });
      await tell(client, story(), () => undefined);
      await rig.patiently(client.flush(), 'the end of the flush');
      await expectApplied(rig, port, story());
      const { accepted, dropped } = await client.totals();
      expectSame('totals', { accepted: TICKS, dropped: 0 }, { accepted, dropped });
    },
  },
];
