import { cpSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { expect, it, onTestFinished } from 'vitest';
import { Health } from '../../src/gateway/index.ts';
import { addJournalMetrics } from '../../src/gateway/metrics/journal-metrics.ts';
import { ScrapedMetrics } from '../../src/gateway/metrics/scraped-metrics.ts';
import {
  diskSegments,
  Journal,
  JournalReader,
  RingConsumer,
  SegmentWriter,
} from '../../src/journal/index.ts';
import { noSnapshots } from '../../src/store/index.ts';
import { parseMetrics } from '../../testkit/metrics.ts';
import { TempFolder } from '../../testkit/temp-folder.ts';
import { collectingLog, MemoryDisk, SMALL, systemError } from '../support/journal-rig.ts';
import { postPrices } from '../support/raw-http.ts';
import { startTestServer } from '../support/running-server.ts';

async function scrape(port: number): Promise<ReadonlyMap<string, number>> {
  return parseMetrics(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
}

/** Without the prefix. */
function reader(metrics: ReadonlyMap<string, number>): (name: string) => number {
  return (name) => metrics.get(`tickwire_journal_${name}`) ?? Number.NaN;
}

it('a server says what it wrote, what there is, and what a crash made it replay', async () => {
  using folder = new TempFolder();
  using copy = new TempFolder();
  const begun = Date.now();
  const server = await startTestServer({ store: { directory: folder.path } });
  try {
    expect(reader(await scrape(server.port))('oldest_timestamp_seconds')).toBe(0);
    for (let i = 1; i <= 3; i++) {
      const ticks = [1, 2].map((price) => ({ symbol: `S${i}`, price, timestamp: i }));
      expect((await postPrices(server.port, ticks)).status).toBe(202);
    }
    const posted = Date.now();
    const directory = join(folder.path, 'journal');
    const bytesOnDisk = () =>
      readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
    const all = () => scrape(server.port).then(reader);
    await expect
      .poll(async () => (await all())('oldest_timestamp_seconds'), { timeout: 20_000 })
      .toBeGreaterThan(0);
    const get = await all();
    const bytes = bytesOnDisk();
    expect(bytes).toBeGreaterThan(6 * 20);
    expect(get('ok')).toBe(1);
    expect(get('unsynced_bytes')).toBe(0);
    expect(get('appended_bytes_total')).toBe(bytes - firstEntryBytes(directory));
    expect(get('bytes')).toBe(bytes);
    expect(get('segments')).toBe(1);
    expect(get('oldest_timestamp_seconds')).toBeGreaterThanOrEqual(begun / 1000);
    expect(get('oldest_timestamp_seconds')).toBeLessThanOrEqual(posted / 1000);
    expect(get('syncs_total')).toBeGreaterThan(0);
    expect(get('sync_seconds_total')).toBeGreaterThan(0);
    expect(get('replayed_ticks')).toBe(0);
    // What a crash would leave.
    cpSync(folder.path, copy.path, {
      recursive: true,
      filter: (path) => !path.includes('.lock'),
    });
  } finally {
    await server.stop();
  }
  const second = await startTestServer({ store: { directory: copy.path } });
  try {
    const get = reader(await scrape(second.port));
    expect(get('replayed_ticks')).toBe(6);
    expect(get('segments')).toBe(2);
  } finally {
    await second.stop();
    rmSync(copy.path, { recursive: true, force: true });
  }
});

/** The head of the segment, which no client caused. */
function firstEntryBytes(directory: string): number {
  const entries = new JournalReader(diskSegments(directory));
  entries.next();
  const { end } = entries;
  entries.close();
  return end;
}

/** A journal on a disk of the test, written when the test says so, and its metrics. */
async function openJournal() {
  using folder = new TempFolder();
  const disk = new MemoryDisk();
  let step: () => void = () => undefined;
  const options = {
    ...SMALL,
    directory: folder.path,
    start: 0,
    syncMs: 0,
    run: 'run',
    startedAt: 1,
    partitions: 1,
    names: { symbol: (id: number) => `S${id}`, publisher: (id: number) => `publisher-${id}` },
    offered: () => undefined,
    mayGap: true,
    retention: { ageMs: 0, bytes: 0 },
  };
  const events = { onLost: () => undefined, onGapEnd: () => undefined };
  let retain: (from: number) => void = () => undefined;
  const journal = await Journal.open(options, collectingLog(), events, (data, report) => {
    const ring = new RingConsumer(data.ring, data.start, data.synced);
    const writer = new SegmentWriter(ring, disk, data.options);
    step = () => {
      writer.step(performance.now(), true);
      report({ fault: writer.fault, isLost: false, figures: { ...writer.figures } });
    };
    retain = (from) => {
      writer.retain(from);
      step();
    };
    step();
    return { retain: (from) => writer.retain(from), close: () => Promise.resolve() };
  });
  onTestFinished(() => journal.close());
  const registry = new Registry();
  const health = new Health();
  health.journal = {
    get fault() {
      return journal.fault;
    },
    get isInGap() {
      return journal.appender.isInGap;
    },
  };
  const measured = {
    start: 0,
    get position() {
      return journal.position;
    },
    get syncedPosition() {
      return journal.syncedPosition;
    },
    get figures() {
      return journal.figures;
    },
  };
  addJournalMetrics(new ScrapedMetrics(registry), measured, { health, snapshots: noSnapshots() });
  let sequence = 0;
  return {
    disk,
    journal,
    step: () => step(),
    retain: (from: number) => retain(from),
    /** A frame of ten ticks. */
    frame: () => {
      const column = new Float64Array(10).fill(1);
      const ids = new Uint32Array(10).fill(1);
      sequence++;
      journal.appender.appendTicks(0, sequence, 5000 + sequence, ids, column, column, 10);
    },
    read: async () => reader(parseMetrics(await registry.metrics())),
  };
}

it('a disk that refuses: failures, a full ring, a gap and its ticks; then an end', async () => {
  const { disk, frame, journal, read, step } = await openJournal();
  frame();
  step();
  const before = await read();
  expect(before('ok')).toBe(1);
  expect(before('failures_total')).toBe(0);
  disk.fault = () => {
    throw systemError('ENOSPC');
  };
  frame();
  step();
  step();
  const failing = await read();
  expect(failing('ok')).toBe(0);
  expect(failing('failures_total')).toBe(2);
  expect(failing('gaps_total')).toBe(0);
  expect(failing('unsynced_bytes')).toBe(journal.position - journal.syncedPosition);
  expect(failing('unsynced_bytes')).toBeGreaterThan(200);
  while (!journal.appender.isInGap) frame();
  for (let i = 0; i < 4; i++) frame();
  const full = await read();
  expect(full('gaps_total')).toBe(1);
  // That which did not fit, and four more.
  expect(full('gap_ticks_total')).toBe(50);
  expect(full('unsynced_bytes')).toBeGreaterThan(SMALL.ringBytes / 2);
  expect(full('unsynced_bytes')).toBeLessThanOrEqual(SMALL.ringBytes);
  expect(full('syncs_total')).toBe(before('syncs_total'));
  disk.fault = () => undefined;
  step();
  frame();
  step();
  const after = await read();
  expect(after('ok')).toBe(1);
  expect(after('unsynced_bytes')).toBe(0);
  expect(after('gaps_total')).toBe(1);
  expect(after('gap_ticks_total')).toBe(50);
  expect(after('syncs_total')).toBeGreaterThan(before('syncs_total'));
  expect(after('appended_bytes_total')).toBe(journal.position);
});

it('a slow disk: the time of syncs, all and the longest', async () => {
  const { disk, frame, read, step } = await openJournal();
  const before = await read();
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const took = [5, 30];
  for (const ms of took) {
    disk.fault = (call) => {
      if (call === 'sync') Atomics.wait(sleeper, 0, 0, ms);
      return undefined;
    };
    frame();
    step();
  }
  const after = await read();
  expect(after('syncs_total') - before('syncs_total')).toBe(2);
  expect(after('sync_seconds_total') - before('sync_seconds_total')).toBeGreaterThan(0.034);
  expect(after('sync_seconds_max')).toBeGreaterThanOrEqual(0.0295);
  expect(after('sync_seconds_max')).toBeLessThanOrEqual(after('sync_seconds_total'));
});

it('segments and the time of the oldest ticks, while old ones are removed', async () => {
  const { disk, frame, journal, read, retain, step } = await openJournal();
  for (let i = 0; i < 200; i++) {
    frame();
    step();
  }
  const bytesOnDisk = () =>
    [...disk.contents.values()].reduce((sum, { length }) => sum + length, 0);
  const all = await read();
  expect(all('segments')).toBe(disk.contents.size);
  expect(all('segments')).toBeGreaterThan(2);
  expect(all('bytes')).toBe(bytesOnDisk());
  expect(all('oldest_timestamp_seconds')).toBe(5.001);
  retain(journal.position);
  const last = await read();
  expect(last('segments')).toBe(1);
  expect(disk.contents.size).toBe(1);
  expect(last('bytes')).toBe(bytesOnDisk());
  expect(last('oldest_timestamp_seconds')).toBeGreaterThan(5.1);
  expect(last('appended_bytes_total')).toBe(all('appended_bytes_total'));
});
