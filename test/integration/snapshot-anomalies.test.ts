import { expect, it, vi } from 'vitest';
import { decodeSymbolStates } from '../../src/engine/index.ts';
import { noSnapshots, openStore, Snapshots } from '../../src/store/index.ts';
import { EngineRun } from '../support/engine-run.ts';
import { StoreFolder, StoreLines } from '../support/store-folder.ts';

const ROUNDS = 20;

it('a snapshot is written after the anomalies of its ticks, which a crash would lose', async () => {
  using folder = new StoreFolder();
  const log = new StoreLines();
  const store = await openStore(folder.options({ mode: 'async' }), log);
  const run = await EngineRun.start({ captures: true });
  const { engine } = run;
  run.register(1);
  const waiting: number[] = [];
  const snapshots = new Snapshots(
    {
      engine,
      store,
      publishers: () => [],
      takeRecords: async (raised) => {
        await raised;
        engine.drainAnomalies((anomaly) => store.append(anomaly));
      },
      saved: () => waiting.push(store.waitingCount),
      failed: () => undefined,
      intervalMs: 0,
      log,
    },
    noSnapshots(),
  );
  for (let round = 1; round <= ROUNDS; round++) {
    run.offer({ symbolId: 0, price: round % 2 === 0 ? 110 : 100, time: round });
    await snapshots.take();
    const [state] = [...(store.loadSnapshot()?.chunks() ?? [])].flatMap((chunk) => [
      ...decodeSymbolStates(chunk),
    ]);
    expect(state).toMatchObject({ count: round, anomalies: store.lastSequence('SYM-0') });
  }
  expect(store.lastSequence('SYM-0')).toBeGreaterThanOrEqual(ROUNDS - 1);
  expect(waiting).toEqual(Array<number>(ROUNDS).fill(0));
  await engine.stop();
  await store.close();
});

it('no snapshot is written, and none counts as durable, while anomalies cannot be', async () => {
  using folder = new StoreFolder();
  const log = new StoreLines();
  const store = await openStore(folder.options({ mode: 'async' }), log);
  const run = await EngineRun.start({ captures: true });
  run.register(1);
  run.offer({ symbolId: 0, price: 100, time: 1 });
  const counters = noSnapshots();
  const saved: unknown[] = [];
  // The database refuses; the file of a snapshot could be written all the same.
  const flushed = vi.spyOn(store, 'flushed').mockResolvedValue(false);
  const snapshots = new Snapshots(
    {
      engine: run.engine,
      store,
      publishers: () => [['feed', 7]],
      takeRecords: () => Promise.resolve(),
      saved: (header) => saved.push(header.publishers),
      failed: () => undefined,
      intervalMs: 0,
      log,
    },
    counters,
  );
  await snapshots.take();
  expect(counters).toMatchObject({ saved: 0, failed: 1 });
  expect(store.loadSnapshot()).toBeUndefined();
  expect(saved).toEqual([]);
  flushed.mockRestore();
  await snapshots.take();
  expect(counters).toMatchObject({ saved: 1, failed: 1 });
  expect(saved).toEqual([[['feed', 7]]]);
  await run.engine.stop();
  await store.close();
});

it('a snapshot that failed is tried again after 10 s, and says why at the stop', async () => {
  using folder = new StoreFolder();
  const store = await openStore(folder.options({ mode: 'async' }), new StoreLines());
  const run = await EngineRun.start({ captures: true });
  const failing = vi
    .spyOn(store, 'saveSnapshot')
    .mockResolvedValue({ isSaved: false, reason: 'ENOSPC: no space left on device' });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  const failures: string[] = [];
  const counters = noSnapshots();
  const snapshots = new Snapshots(
    {
      engine: run.engine,
      store,
      publishers: () => [],
      takeRecords: () => Promise.resolve(),
      saved: () => undefined,
      failed: (reason) => failures.push(reason),
      intervalMs: 3_600_000,
      log: new StoreLines(),
    },
    counters,
  );
  try {
    await snapshots.take();
    expect(failures).toEqual(['ENOSPC: no space left on device']);
    vi.advanceTimersByTime(9999);
    await snapshots.take();
    // That one failed too: 10 s from then.
    vi.advanceTimersByTime(9999);
    expect(counters.failed).toBe(2);
    failing.mockRestore();
    vi.advanceTimersByTime(1);
    await vi.waitFor(() => expect(counters).toMatchObject({ failed: 2, saved: 1 }));
    vi.spyOn(store, 'saveSnapshot').mockResolvedValue({ isSaved: false, reason: 'EIO' });
    run.register(1);
    run.offer({ symbolId: 0, price: 100, time: 1 });
    expect(await snapshots.stop()).toBe('EIO');
  } finally {
    vi.useRealTimers();
    vi.restoreAllMocks();
  }
  await run.engine.stop();
  await store.close();
});

it('a snapshot whose anomalies could not be taken gives its capture back', async () => {
  using folder = new StoreFolder();
  const log = new StoreLines();
  const store = await openStore(folder.options({ mode: 'async' }), log);
  const run = await EngineRun.start({ captures: true });
  run.register(1);
  run.offer({ symbolId: 0, price: 100, time: 1 });
  const counters = noSnapshots();
  let fault: Error | undefined = new Error('no anomaly can be taken');
  const snapshots = new Snapshots(
    {
      engine: run.engine,
      store,
      publishers: () => [],
      takeRecords: () => (fault === undefined ? Promise.resolve() : Promise.reject(fault)),
      saved: () => undefined,
      failed: () => undefined,
      intervalMs: 0,
      log,
    },
    counters,
  );
  await snapshots.take();
  expect(counters).toMatchObject({ saved: 0, failed: 1 });
  fault = undefined;
  await snapshots.take();
  expect(counters).toMatchObject({ saved: 1, failed: 1 });
  await run.engine.stop();
  await store.close();
});
