import { expect, it, onTestFinished } from 'vitest';
import { connect, connectPublisher, type Publisher } from '../../client-sdk/src/index.ts';
import type { ConfigInput } from '../../src/config/schema.ts';
import { Gateway, type GatewayContext } from '../../src/gateway/index.ts';
import { noSnapshots, openStore, Snapshots, type Store } from '../../src/store/index.ts';
import { gatewayContext } from '../../testkit/gateway-context.ts';
import { until } from '../../testkit/until.ts';
import { EngineRun } from '../support/engine-run.ts';
import { FaultyDisk, itemsOf, StoreFolder, StoreLines } from '../support/store-folder.ts';

/** Anomalies that the store holds, and a ring of a partition. */
const WAITING_MAX = 256;
const RING = 64;
const CHANNEL = 256;
const SYMBOLS = 8;
/** A symbol; all fit into the memory of recent ones. */
const ANOMALIES = 500;

interface Rig {
  readonly disk: FaultyDisk;
  readonly store: Store;
  readonly context: GatewayContext;
  readonly gateway: Gateway;
  readonly publisher: Publisher;
  /** Sequences delivered, by symbol. */
  readonly delivered: ReadonlyMap<string, number[]>;
  readonly snapshots: Snapshots;
  readonly counters: ReturnType<typeof noSnapshots>;
  /** Stops as the server does. Returns anomalies that are lost. */
  stop(): Promise<number>;
}

/** A gateway whose store is full after a few hundred anomalies. */
async function start(mode: 'async' | 'sync'): Promise<Rig> {
  const folder = new StoreFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  const disk = new FaultyDisk();
  const options = folder.options({ mode });
  const seams = { startWriter: disk.startWriter, waitingMax: WAITING_MAX };
  const store = await openStore(options, new StoreLines(), seams);
  const { engine } = await EngineRun.start({
    captures: true,
    anomalyRingCapacity: RING,
    channelCapacity: CHANNEL,
  });
  const config: ConfigInput = {
    server: { port: 0, transport: 'node', drainMs: 300 },
    processing: { overflow: 'wait' },
    stream: { recentAnomaliesPerSymbol: ANOMALIES },
    store: options,
  };
  const context = gatewayContext(engine, config, store);
  const gateway = await Gateway.start(context, () => () => {
    throw new Error('HTTP is not served');
  });
  const counters = noSnapshots();
  const snapshots = new Snapshots(
    {
      engine,
      store,
      publishers: () => gateway.publisherSequences(),
      takeRecords: (raised) => gateway.takeRecords(raised),
      saved: (header) => gateway.madeDurable(header.publishers),
      failed: () => gateway.notDurable(),
      intervalMs: 0,
      log: new StoreLines(),
    },
    counters,
  );
  const url = `http://127.0.0.1:${gateway.port}`;
  const delivered = new Map<string, number[]>();
  const subscriber = connect(url);
  subscriber.on('anomaly', ({ symbol, sequence }) => {
    delivered.set(symbol, [...(delivered.get(symbol) ?? []), sequence]);
  });
  await subscriber.subscribe('*').ready;
  const publisher = connectPublisher(url, { publisher: 'feed', giveUpAfterMs: 0 });
  onTestFinished(() => subscriber.close());
  let stopped: Promise<number> | undefined;
  const stop = async () => {
    await gateway.stop();
    await snapshots.stop();
    await engine.stop(...gateway.lastRecords);
    return store.close();
  };
  const once = () => {
    stopped ??= stop();
    return stopped;
  };
  onTestFinished(async () => {
    await once();
    await publisher.close(0).catch(() => undefined);
  });
  const parts = { disk, store, context, gateway, publisher, delivered, snapshots, counters };
  return { ...parts, stop: once };
}

/** Every tick but a symbol's first raises an anomaly. */
async function flap(publisher: Publisher): Promise<void> {
  const time = Date.now();
  for (let round = 0; round <= ANOMALIES; round++) {
    for (let i = 0; i < SYMBOLS; i++) {
      await publisher.ready;
      publisher.publish(`S-${i}`, round % 2 === 0 ? 100 : 103, time + round);
    }
  }
}

const ALL = Array.from({ length: ANOMALIES }, (_, i) => i + 1);
const EVERYTHING = new Map(Array.from({ length: SYMBOLS }, (_, i) => [`S-${i}`, ALL]));

async function stored(store: Store): Promise<Map<string, number[]>> {
  const found = new Map<string, number[]>();
  for (const symbol of EVERYTHING.keys()) {
    const items = await itemsOf(store, symbol, 1, 2 * ANOMALIES);
    found.set(
      symbol,
      items.map(({ sequence }) => sequence),
    );
  }
  return found;
}

it.each(['async', 'sync'] as const)(
  'a slow disk makes workers and publishers wait, and nothing is given up (%s)',
  async (mode) => {
    const { context, counters, delivered, disk, publisher, snapshots, store } = await start(mode);
    disk.writeMs = 40;
    let waitingMax = 0;
    const look = setInterval(() => {
      waitingMax = Math.max(waitingMax, store.waitingCount);
    }, 1);
    const flapping = flap(publisher);
    await until(() => context.counters.storeFullEpisodes > 0);
    // A worker that waits for the store is waited for, not forgotten.
    await snapshots.take();
    expect(counters).toMatchObject({ saved: 1, failed: 0 });
    await flapping;
    await publisher.flush();
    await expect.poll(() => delivered, { timeout: 20_000 }).toEqual(EVERYTHING);
    clearInterval(look);
    expect(await stored(store)).toEqual(EVERYTHING);
    expect(store.droppedCount).toBe(0);
    expect(waitingMax).toBeLessThanOrEqual(WAITING_MAX);
    expect(publisher.totals.unacknowledged).toBe(0);
  },
);

it('sync delivers nothing while the disk fails, and everything once it works', async () => {
  const { context, delivered, disk, publisher, store } = await start('sync');
  disk.failure = 'EIO: i/o error';
  const flapping = flap(publisher);
  await until(() => context.counters.storeFullEpisodes > 0);
  expect(store.fault).toMatch(/EIO/);
  expect(delivered.size).toBe(0);
  disk.failure = undefined;
  await flapping;
  await expect.poll(() => delivered, { timeout: 20_000 }).toEqual(EVERYTHING);
  expect(await stored(store)).toEqual(EVERYTHING);
});

it('a stop ends while a failed disk makes workers wait, and says what is lost', async () => {
  const rig = await start('async');
  const { context, counters, disk, publisher, store } = rig;
  disk.failure = 'EIO: i/o error';
  void flap(publisher).catch(() => undefined);
  await until(() => context.counters.storeFullEpisodes > 0);
  const taken = context.engine.status(0).counters;
  const lost = await rig.stop();
  expect(counters).toMatchObject({ saved: 0, failed: 1 });
  // The buffer, and what the rings and queues still held.
  expect(lost).toBeGreaterThan(WAITING_MAX);
  expect(lost).toBe(store.waitingCount);
  expect(taken.taken()).toBeGreaterThan(0);
});
