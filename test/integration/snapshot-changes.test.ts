import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { SymbolState } from '../../src/engine/index.ts';
import {
  noSnapshots,
  openStore,
  recover,
  type SnapshotCounters,
  Snapshots,
  type Store,
} from '../../src/store/index.ts';
import type { StoredSnapshot } from '../../src/store/snapshot-format.ts';
import { EngineRun } from '../support/engine-run.ts';
import { layOutOldStore } from '../support/old-store.ts';
import { StoreFolder, StoreLines } from '../support/store-folder.ts';

const SYMBOLS = 100;

/** An engine of 100 symbols whose snapshots are taken on request. */
class SnapshotRun {
  readonly counters: SnapshotCounters = noSnapshots();
  /** Sequences of publishers that were made durable. */
  readonly durable: unknown[] = [];
  publishers: [string, number][] = [['feed', 1]];
  readonly folder = new StoreFolder();
  readonly #store: Store;
  readonly #run: EngineRun;
  readonly #snapshots: Snapshots;
  #time = 1;

  private constructor(folder: StoreFolder, store: Store, run: EngineRun) {
    this.folder = folder;
    this.#store = store;
    this.#run = run;
    this.#snapshots = new Snapshots(
      {
        engine: run.engine,
        store,
        publishers: () => this.publishers,
        takeRecords: async (raised) => {
          await raised;
          run.engine.drainAnomalies((anomaly) => store.append(anomaly));
        },
        saved: ({ publishers }) => this.durable.push(publishers),
        failed: () => undefined,
        intervalMs: 0,
        log: new StoreLines(),
      },
      this.counters,
    );
  }

  static async start(): Promise<SnapshotRun> {
    const folder = new StoreFolder();
    const store = await openStore(folder.options({ mode: 'async' }), new StoreLines());
    const run = await EngineRun.start({ captures: true });
    run.register(SYMBOLS);
    onTestFinished(async () => {
      await run.engine.stop();
      await store.close();
      folder[Symbol.dispose]();
    });
    return new SnapshotRun(folder, store, run);
  }

  get store(): Store {
    return this.#store;
  }

  /** A tick of each of the first symbols, then a snapshot. */
  async take(symbols: number): Promise<void> {
    for (let symbolId = 0; symbolId < symbols; symbolId++) {
      this.#run.offer({ symbolId, price: 100, time: this.#time });
    }
    if (symbols > 0) this.#time++;
    await this.#snapshots.take();
  }

  async retire(symbolId: number): Promise<void> {
    await this.#run.engine.retire([{ symbolId, count: -1 }]);
    expect(this.#run.engine.forget(symbolId)).toBe(true);
  }

  get files(): string[] {
    return readdirSync(this.folder.path).filter((name) => name.endsWith('.tws'));
  }

  /** Ticks of the first symbols as a start would restore them. */
  async counts(symbols: number): Promise<(number | undefined)[]> {
    const { symbols: found } = await recover(this.#store, new StoreLines(), noSnapshots());
    const states = [...found].filter((item): item is SymbolState => 'count' in item);
    const counts = new Map(states.map(({ symbol, count }) => [symbol, count]));
    // No symbol comes twice.
    expect(states).toHaveLength(counts.size);
    return Array.from({ length: symbols }, (_, index) => counts.get(`SYM-${index}`));
  }
}

it('nothing is written while nothing changes, and what is accepted is durable', async () => {
  const run = await SnapshotRun.start();
  await run.take(SYMBOLS);
  expect(run.files).toEqual(['snapshot-1.tws']);
  const { takenAt } = run.counters;
  vi.spyOn(Date, 'now').mockReturnValue(takenAt + 10_000);
  onTestFinished(() => void vi.restoreAllMocks());
  await run.take(0);
  expect(run.files).toEqual(['snapshot-1.tws']);
  expect(run.counters).toMatchObject({ saved: 1, unchanged: 1, takenAt: takenAt + 10_000 });
  expect(run.durable).toEqual([[['feed', 1]], [['feed', 1]]]);
  // A frame whose ticks were all refused: the sequence alone.
  run.publishers = [['feed', 2]];
  await run.take(0);
  expect(run.files).toEqual(['snapshot-1.tws', 'snapshot-2-since-1.tws']);
  expect(run.durable.at(-1)).toEqual([['feed', 2]]);
  expect(run.counters.bytes).toBeLessThan(150);
  expect((await recover(run.store, new StoreLines(), noSnapshots())).publishers).toEqual([
    ['feed', 2],
  ]);
  expect(await run.counts(2)).toEqual([1, 1]);
  await run.take(0);
  expect(run.counters).toMatchObject({ saved: 2, unchanged: 2, failed: 0 });
});

it('where few symbols change, these are written, until they add up to all', async () => {
  const run = await SnapshotRun.start();
  await run.take(SYMBOLS);
  const fullBytes = run.counters.bytes;
  let written = 0;
  for (let round = 1; run.files.length < 2 || written < fullBytes; round++) {
    await run.take(10);
    written += run.counters.bytes;
    expect(await run.counts(11)).toEqual([...Array<number>(10).fill(round + 1), 1]);
    expect(run.files).toContain(`snapshot-${round + 1}-since-1.tws`);
    expect(run.counters.bytes).toBeLessThan(fullBytes / 4);
  }
  const { saved } = run.counters;
  await run.take(10);
  expect(run.files).toContain(`snapshot-${saved + 1}.tws`);
  expect(run.counters.bytesWritten).toBeLessThan(3 * fullBytes + written);
  // Most of them: all are written.
  await run.take(51);
  expect(run.files).toContain(`snapshot-${saved + 2}.tws`);
  await run.take(50);
  expect(run.files).toContain(`snapshot-${saved + 3}-since-${saved + 2}.tws`);
  expect((await run.counts(100)).slice(48, 52)).toEqual([3, 3, 2, 1]);
});

it('what a snapshot that failed had is in the next one', async () => {
  const run = await SnapshotRun.start();
  await run.take(SYMBOLS);
  await run.take(1);
  const flushed = vi.spyOn(run.store, 'flushed').mockResolvedValueOnce(false);
  await run.take(3);
  expect(flushed).toHaveBeenCalledOnce();
  const saveSnapshot = vi.spyOn(run.store, 'saveSnapshot');
  saveSnapshot.mockResolvedValueOnce({ isSaved: false, reason: 'the disk is full' });
  await run.take(0);
  expect(run.counters).toMatchObject({ saved: 2, failed: 2, unchanged: 0 });
  await run.take(0);
  expect(run.counters).toMatchObject({ saved: 3, failed: 2, unchanged: 0 });
  expect(await run.counts(4)).toEqual([3, 2, 2, 1]);
  await run.take(0);
  expect(run.counters).toMatchObject({ saved: 3, unchanged: 1 });
  // A full one that fails leaves the base as it was.
  saveSnapshot.mockResolvedValueOnce({ isSaved: false, reason: 'the disk is full' });
  await run.take(90);
  await run.take(1);
  expect(await run.counts(91)).toEqual([5, 3, 3, ...Array<number>(87).fill(2), 1]);
});

it('a symbol that was retired since the base is not restored', async () => {
  const run = await SnapshotRun.start();
  await run.take(SYMBOLS);
  await run.retire(3);
  await run.take(0);
  expect(run.files).toEqual(['snapshot-1.tws', 'snapshot-2-since-1.tws']);
  expect(await run.counts(5)).toEqual([1, 1, 1, undefined, 1]);
  await run.take(0);
  expect(run.counters).toMatchObject({ saved: 2, unchanged: 1 });
  await run.take(60);
  expect(run.files).toContain('snapshot-3.tws');
});

it('snapshots that were removed are written again, though nothing changed', async () => {
  const run = await SnapshotRun.start();
  await run.take(SYMBOLS);
  for (const name of run.files) rmSync(join(run.folder.path, name));
  await run.take(0);
  expect(run.files).toHaveLength(1);
  expect(await run.counts(SYMBOLS)).toEqual(Array<number>(SYMBOLS).fill(1));
  await run.take(1);
  for (const name of run.files) rmSync(join(run.folder.path, name));
  await run.take(1);
  expect(statSync(join(run.folder.path, run.files[0] as string)).size).toBeGreaterThan(10_000);
  expect(await run.counts(2)).toEqual([3, 1]);
});

it('a store of format 1 is restored, and marked so that format 1 refuses it', async () => {
  using folder = new StoreFolder();
  layOutOldStore(folder.path);
  const store = await openStore(folder.options(), new StoreLines());
  const { symbols, publishers } = await recover(store, new StoreLines(), noSnapshots());
  expect(publishers).toEqual([['feed', 10]]);
  expect([...symbols]).toEqual([
    expect.objectContaining({ symbol: 'SYM-0', count: 10, anomalies: 9 }),
    { symbol: 'SYM-0', anomalies: 9 },
    expect.objectContaining({ symbol: 'SYM-1', count: 10, price: 50.1 }),
    { symbol: 'SYM-1', anomalies: 0 },
    { symbol: 'SYM-0', anomalies: 9 },
  ]);
  await store.close();
  const marker = readFileSync(join(folder.path, 'tickwire-store.json'), 'utf8');
  expect(JSON.parse(marker)).toMatchObject({ format: 3, isReady: true });
});

it('an unreadable change leaves what the full snapshot holds, and the log says so', async () => {
  const run = await SnapshotRun.start();
  await run.take(SYMBOLS);
  await run.take(2);
  const [, changes] = run.files;
  expect(changes).toBe('snapshot-2-since-1.tws');
  const { store } = run;
  const loaded = store.loadSnapshot();
  vi.spyOn(store, 'loadSnapshot').mockReturnValue({
    ...(loaded as StoredSnapshot),
    *chunks() {
      for (const chunk of loaded?.chunks() ?? []) {
        // In the first state, behind its length and checksum.
        const damaged = Uint8Array.from(chunk);
        damaged[60] = (damaged[60] as number) ^ 1;
        yield damaged;
      }
    },
  });
  const log = new StoreLines();
  const counters = noSnapshots();
  const states = [...(await recover(store, log, counters)).symbols];
  const counts = new Map(
    states.flatMap((each) => ('count' in each ? [[each.symbol, each.count]] : [])),
  );
  expect([counts.get('SYM-0'), counts.get('SYM-1'), counts.size]).toEqual([1, 2, SYMBOLS]);
  expect(counters.setAside).toBe(1);
  expect(log.lines).toEqual([
    expect.stringContaining('starts with what the full snapshot before holds of it'),
  ]);
});
