import { expect, it, onTestFinished, vi } from 'vitest';
import { AnomalyWatch } from '../../loadgen/soak/crowd.ts';
import { DurableServer } from '../../loadgen/soak/durable-server.ts';
import { KnownPublisher } from '../../loadgen/soak/known-publisher.ts';
import { KnownTicks } from '../../loadgen/soak/known-ticks.ts';
import { Lineage } from '../../loadgen/soak/lineage.ts';
import { ServerApi } from '../../loadgen/soak/server-api.ts';
import {
  differences,
  expectedSymbols,
  type PublisherRecord,
} from '../../loadgen/soak/state-checks.ts';
import type { SymbolOracle } from '../../testkit/independent/statistics.ts';
import { delay, eventually } from '../../testkit/until.ts';

const DRAIN_MS = 2000;
/** More than the time within which a second signal counts as the first one sent again. */
const SAME_SIGNAL_MS = 500;
const FLAGS = [
  '--processing.partitions=2',
  `--server.drainMs=${DRAIN_MS}`,
  '--server.goawayJitterMs=100',
  // Only the stop's snapshot survives a start.
  '--store.snapshotIntervalMs=0',
];

async function serverForTest(...flags: readonly string[]): Promise<DurableServer> {
  const server = await DurableServer.create([...FLAGS, ...flags]);
  onTestFinished(() => server.remove());
  await server.start();
  return server;
}

interface Publishing {
  readonly record: PublisherRecord;
  readonly publisher: KnownPublisher;
}

/** Four publishers of 5 000 ticks a second that record what the server holds. */
function startPublishers(url: string): {
  readonly publishers: readonly Publishing[];
  readonly faults: readonly string[];
} {
  const faults: string[] = [];
  const publishers = Array.from({ length: 4 }, (_, index) => {
    const symbols = Array.from({ length: 40 }, (__, i) => `P${index}:S${i}`);
    const ticks = new KnownTicks({
      seed: index,
      symbols,
      startMs: Date.now(),
      intervalMs: 0.2,
      badShare: 0,
    });
    const lineage = new Lineage();
    const record: PublisherRecord = { name: `planned-${index}`, ticks, frameTicks: 32, lineage };
    const publisher = new KnownPublisher(
      { url, name: record.name, ticks, frameTicks: record.frameTicks },
      {
        live: (sequence) => lineage.resumed(sequence),
        acknowledged: (sequence) => lineage.acknowledged(sequence),
        fault: (message) => faults.push(message),
      },
    );
    publisher.start(0);
    onTestFinished(() => publisher.stop().catch(() => undefined));
    return { record, publisher };
  });
  return { publishers, faults };
}

/**
 * Resolves once the server has so many more frames of every publisher; reconnecting takes seconds.
 */
async function moreFrames(publishers: readonly Publishing[], frames: number): Promise<void> {
  const lengths = () => publishers.map(({ record }) => record.lineage.frames.length);
  const before = lengths();
  await vi.waitFor(
    () => {
      const gained = lengths().map((length, i) => length - (before[i] ?? 0));
      expect(Math.min(...gained)).toBeGreaterThanOrEqual(frames);
    },
    { timeout: 30_000, interval: 10 },
  );
}

/** Every symbol matches the server's ticks; returns the expected state. */
async function expectExact(api: ServerApi, publishers: readonly Publishing[]) {
  const expected = expectedSymbols(publishers.map(({ record }) => record));
  const served = await api.symbols();
  expect(served.map(({ symbol }) => symbol).sort()).toEqual([...expected.keys()].sort());
  for (const state of served) {
    const oracle = expected.get(state.symbol) as SymbolOracle;
    expect(differences(oracle, state), state.symbol).toEqual([]);
  }
  return expected;
}

it('a restart under 20 000 ticks/s loses and repeats no tick, hides no anomaly', async () => {
  const server = await serverForTest();
  const api = new ServerApi(server.port);
  const watch = new AnomalyWatch(server.url);
  onTestFinished(() => watch.subscriber.close());
  await watch.subscriber.ready;
  const { publishers, faults } = startPublishers(server.url);
  await moreFrames(publishers, 200);
  const { exit, durationMs } = await server.end('SIGTERM');
  expect(exit, server.output).toBe(0);
  expect(durationMs).toBeLessThan(DRAIN_MS + 1000);
  await server.start();
  await moreFrames(publishers, 100);
  await Promise.all(publishers.map(({ publisher }) => publisher.stop()));

  expect(faults).toEqual([]);
  for (const { record, publisher } of publishers) {
    // Every published frame is there once, in order.
    expect(record.lineage.lost).toEqual([]);
    expect(record.lineage.frames).toEqual([...Array(publisher.position).keys()]);
    expect(publisher.publisher.totals.reconnects).toBeGreaterThanOrEqual(1);
  }
  expect(await api.settled()).toMatchObject({ lapped: 0, skipped: 0 });
  const expected = await expectExact(api, publishers);
  await watch.subscriber.ready;
  await expect(watch.subscriber.verify()).resolves.toMatchObject({ equal: true, symbolCount: 160 });
  const raised = [...expected].filter(([, { anomalies }]) => anomalies.length > 0);
  expect(raised.length).toBeGreaterThan(0);
  // What the stop hid is fetched from the history, one symbol after the other.
  await vi.waitFor(
    () => {
      for (const [symbol, { anomalies }] of raised) {
        expect(watch.sequences.get(symbol), symbol).toBe(anomalies.length);
      }
    },
    { timeout: 30_000, interval: 50 },
  );
  expect(watch.breaks).toEqual([]);

  expect((await server.end('SIGTERM')).exit).toBe(0);
  await server.start();
  await expectExact(api, publishers);
});

it('a second signal during a stop ends the server at once', async () => {
  const server = await serverForTest('--server.preStopMs=60000');
  server.signal('SIGTERM');
  await eventually(
    async () => server.output,
    (output) => output.includes('"stopping"'),
  );
  // One that follows sooner counts as the same one, sent on by npm.
  await delay(SAME_SIGNAL_MS);
  const { exit, durationMs } = await server.end('SIGTERM');
  expect(exit).toBe(1);
  expect(durationMs).toBeLessThan(DRAIN_MS / 2);
});
