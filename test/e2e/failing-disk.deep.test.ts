import { execFileSync } from 'node:child_process';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Anomaly } from '../../src/engine/index.ts';
import { openStore } from '../../src/store/index.ts';
import { Op } from '../../testkit/independent/protocol.ts';
import type { SentTick } from '../../testkit/independent/publisher.ts';
import { parseMetrics } from '../../testkit/metrics.ts';
import type { ServerProcess } from '../../testkit/server-process.ts';
import { folderForTest } from '../support/folders.ts';
import { serverProcessForTest } from '../support/running-server.ts';
import { itemsOf, StoreLines } from '../support/store-folder.ts';
import { publisherForTest, subscriberForTest } from '../support/test-clients.ts';

const PATIENCE = { timeout: 60_000 };
const NOT_AVAILABLE = 14;
const EXIT_UNSAVED = 3;
const DURABLE = ['--publish.acknowledge=durable', '--store.snapshotIntervalMs=100'];

async function start(directory: string, flags: readonly string[]): Promise<ServerProcess> {
  return serverProcessForTest([`--store.directory=${directory}`, ...flags]);
}

/** No file of the server may grow beyond this from now on, bytes; undefined: no limit. */
function limitFiles(server: ServerProcess, bytes: number | undefined): void {
  execFileSync('prlimit', [`--pid=${server.pid}`, `--fsize=${bytes ?? 'unlimited'}:`]);
}

async function get(server: ServerProcess, path: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
  return { status: response.status, text: await response.text() };
}

async function metrics(server: ServerProcess): Promise<Map<string, number>> {
  return parseMetrics((await get(server, '/metrics')).text);
}

/** Every tick but a symbol's first raises an anomaly. */
function flaps(symbols: number, rounds: number): SentTick[] {
  const time = Date.now();
  return Array.from({ length: symbols * rounds }, (_, i) => {
    const round = Math.floor(i / symbols);
    const price = round % 2 === 0 ? 100 : 103;
    return { symbol: `S-${i % symbols}`, price, time: time + Math.floor(round / 100) };
  });
}

/** The stored sequences of each symbol. */
async function storedIn(directory: string): Promise<Map<string, readonly number[]>> {
  const options = { directory, mode: 'async', retentionDays: 0, retentionPerSymbol: 0 } as const;
  const store = await openStore(options, new StoreLines());
  const found = new Map<string, readonly number[]>();
  for (const [symbol] of await store.lastSequences()) {
    const items: readonly Anomaly[] = await itemsOf(store, symbol, 1, 10_000_000);
    found.set(
      symbol,
      items.map(({ sequence }) => sequence),
    );
  }
  await store.close();
  return found;
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

it('a failing disk shows in /readyz, to publishers, and in the exit code of a stop', async () => {
  const directory = join(folderForTest(), 'store');
  const server = await start(directory, DURABLE);
  const publisher = await publisherForTest(server.port, 'feed');
  // Prices that raise no anomaly: nothing is written but snapshots.
  const rise = (count: number) => {
    const next = publisher.nextSequence;
    return Array.from({ length: count }, (_, i) => {
      return { symbol: `CALM-${i % 2000}`, price: 1e6 + next, time: null };
    });
  };
  await publisher.publishAll(rise(4000));
  expect((await get(server, '/readyz')).status).toBe(200);

  limitFiles(server, 4096);
  const refused = publisher.publish(rise(4000));
  await expect.poll(async () => (await get(server, '/readyz')).status, PATIENCE).toBe(503);
  // A snapshot may fail before the journal, which is named once it does.
  await expect
    .poll(async () => (await get(server, '/readyz')).text, PATIENCE)
    .toMatch(/the journal cannot be written: .*EFBIG/);
  expect((await metrics(server)).get('tickwire_store_ok')).toBe(0);
  const [error] = await publisher.received(Op.ERROR);
  expect(error?.slice(1, 3)).toEqual([null, NOT_AVAILABLE]);
  expect(error?.slice(3, 5)).toEqual([expect.stringMatching(/durable/), true]);
  // Told once, however often it fails.
  const failed = 'tickwire_snapshots_total{result="failed"}';
  await expect.poll(async () => (await metrics(server)).get(failed), PATIENCE).toBeGreaterThan(3);
  expect(publisher.of(Op.ERROR)).toHaveLength(1);
  expect(publisher.lastAck.sequence).toBeLessThan(refused);
  limitFiles(server, undefined);
  await publisher.acknowledged(refused);
  await expect.poll(async () => (await get(server, '/readyz')).status, PATIENCE).toBe(200);
  expect((await metrics(server)).get('tickwire_store_ok')).toBe(1);

  const aside = `${directory}-aside`;
  renameSync(directory, aside);
  const lost = publisher.publish(rise(100));
  await publisher.received(Op.ERROR, 2);
  expect((await get(server, '/readyz')).status).toBe(503);
  server.kill('SIGTERM');
  expect(await server.exited).toBe(EXIT_UNSAVED);
  expect(server.output).toContain('not everything could be saved');
  expect(publisher.lastAck.sequence).toBeLessThan(lost);
  renameSync(aside, directory);
});

it('nothing is durable while the journal cannot be written', async () => {
  const directory = join(folderForTest(), 'store');
  const flags = [...DURABLE, '--processing.overflow=wait'];
  let server = await start(directory, flags);
  const publisher = await publisherForTest(server.port, 'feed');
  // One story: a pause between its parts would be longer than the window.
  const story = flaps(1, 21_000);
  await publisher.publishAll(story.slice(0, 1000), 100);
  const durable = publisher.lastAck.sequence;
  // A snapshot of one symbol is small; the journal is not.
  limitFiles(server, 200_000);
  const ticks = story.slice(1000);
  const frames = Array.from({ length: 200 }, (_, i) => ticks.slice(100 * i, 100 * (i + 1)));
  for (const frame of frames) {
    await publisher.until(() => publisher.credit >= frame.length, 'credit');
    publisher.publish(frame);
    await sleep(2);
  }
  await publisher.received(Op.ERROR);
  await expect.poll(async () => (await get(server, '/readyz')).text, PATIENCE).toContain('store');
  await sleep(500);
  const acknowledged = publisher.lastAck.sequence;
  expect(acknowledged).toBeLessThan(durable + frames.length);
  server.kill('SIGKILL');
  await server.exited;
  const stored = (await storedIn(directory)).get('S-0') ?? [];
  expect(stored).toEqual(upTo(stored.length));

  server = await start(directory, flags);
  const again = await publisherForTest(server.port, 'feed');
  const sequence = Number(again.welcome.sequence);
  expect(sequence).toBeGreaterThanOrEqual(acknowledged);
  for (const frame of frames.slice(sequence - durable)) again.publish(frame);
  await again.acknowledged();
  await server.stop();
  expect(server.exit).toBe(0);
  // 100 ticks a frame; the first tick of all raises no anomaly.
  const whole = (await storedIn(directory)).get('S-0') ?? [];
  expect(whole).toEqual(upTo(whole.length));
  expect(whole.length).toBeGreaterThanOrEqual(100 * (durable + frames.length) - 1);
});

it.each([
  ['async', 'wait'],
  ['sync', 'wait'],
  ['async', 'dropOldest'],
])('symbols flap: raised, delivered and stored are the same (%s, %s)', async (mode, overflow) => {
  const directory = join(folderForTest(), 'store');
  const server = await start(directory, [
    `--store.mode=${mode}`,
    `--processing.overflow=${overflow}`,
    '--store.snapshotIntervalMs=500',
    '--processing.channelCapacity=8192',
  ]);
  const subscriber = await subscriberForTest(server.port);
  await subscriber.subscribe(['*'], { stats: false });
  const publisher = await publisherForTest(server.port, 'feed');
  const ticks = flaps(64, 2000);
  publisher.declare(0, [...new Set(ticks.map(({ symbol }) => symbol))]);
  await publisher.publishAll(ticks, 4096);
  const raised = async () => {
    const now = await metrics(server);
    const count = (name: string) => now.get(name) ?? Number.NaN;
    expect(count('tickwire_store_dropped_anomalies_total')).toBe(0);
    const isDone = count('tickwire_queue_depth{partition="0"}') === 0;
    const sum = ['up', 'down'].map((way) => count(`tickwire_anomalies_total{direction="${way}"}`));
    return isDone ? (sum[0] as number) + (sum[1] as number) : Number.NaN;
  };
  const { anomalies } = subscriber;
  await expect.poll(async () => (await raised()) === anomalies.length, PATIENCE).toBe(true);
  if (overflow === 'wait') expect(anomalies.length).toBe(ticks.length - 64);
  await server.stop();
  expect(server.exit).toBe(0);
  const delivered = new Map<string, number[]>();
  for (const { symbol, sequence } of anomalies) {
    const own = delivered.get(symbol);
    if (own === undefined) delivered.set(symbol, [sequence]);
    else own.push(sequence);
  }
  expect(await storedIn(directory)).toEqual(delivered);
  for (const own of delivered.values()) expect(own).toEqual(upTo(own.length));
});
