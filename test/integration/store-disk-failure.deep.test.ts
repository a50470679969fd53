import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openStore } from '../../src/store/index.ts';
import { until } from '../../testkit/until.ts';
import { StoreChild } from '../support/store-child.ts';
import {
  ALL_NAMES,
  anomalyOf,
  canMount,
  FaultyDisk,
  firstOf,
  itemsOf,
  SmallDisk,
  StoreFolder,
  StoreLines,
} from '../support/store-folder.ts';

describe('a disk that fails', () => {
  it('leaves everything to be read from memory, and gets it all when it works again', async () => {
    using folder = new StoreFolder();
    const disk = new FaultyDisk();
    const lines = new StoreLines();
    const store = await openStore(folder.options(), lines, disk);
    const all = Array.from({ length: 30 }, (_, index) => anomalyOf('A', index + 1));
    for (const anomaly of all.slice(0, 10)) store.append(anomaly);
    expect(await store.flushed()).toBe(true);
    disk.failure = 'EROFS: read-only file system';
    for (const anomaly of all.slice(10, 20)) store.append(anomaly);
    expect(await store.flushed()).toBe(false);
    expect(store.fault).toMatch(/the store in .* cannot be written: EROFS/);
    for (const anomaly of all.slice(20)) store.append(anomaly);
    expect(await store.flushed()).toBe(false);
    expect(store.waitingCount).toBe(20);
    expect(await itemsOf(store, 'A', 1, 100)).toEqual(all);
    expect(await store.ranges([{ symbol: 'A', from: 6, limit: 10 }])).toEqual([all.slice(5, 15)]);
    expect(await store.recent(100, ALL_NAMES)).toEqual(all.toReversed());
    expect((await store.between({ from: 0, to: Infinity, limit: 100 }, ALL_NAMES)).items).toEqual(
      all,
    );
    disk.failure = undefined;
    await until(() => store.fault === undefined && store.waitingCount === 0);
    expect(await store.flushed()).toBe(true);
    await store.close();
    expect(lines.lines).toEqual([
      expect.stringMatching(/^error the store cannot be written/),
      'info the store can be written again',
    ]);
    const again = await openStore(folder.options(), new StoreLines());
    expect(await itemsOf(again, 'A', 1, 100)).toEqual(all);
    await again.close();
  });

  it('is waited for, and loses nothing, where nothing may be given up', async () => {
    using folder = new StoreFolder();
    const disk = new FaultyDisk();
    const seams = { startWriter: disk.startWriter, waitingMax: 10_000, stalledMs: 0 };
    const store = await openStore(folder.options(), new StoreLines(), seams);
    expect(store.space).toBe(10_000);
    disk.failure = 'EIO: i/o error';
    for (let sequence = 1; sequence <= 10_000; sequence++) store.append(anomalyOf('A', sequence));
    expect(await store.flushed()).toBe(false);
    expect(store.space).toBe(0);
    store.append(anomalyOf('A', 10_001));
    expect(store).toMatchObject({ space: 0, waitingCount: 10_001, droppedCount: 0 });
    disk.failure = undefined;
    await until(() => store.waitingCount === 0);
    expect(store.space).toBe(10_000);
    expect(await itemsOf(store, 'A', 1, 20_000)).toHaveLength(10_001);
    await store.close();
  });

  it('for too long has the oldest given up, counted, and logged once a period', async () => {
    using folder = new StoreFolder();
    const disk = new FaultyDisk();
    const lines = new StoreLines();
    const seams = { startWriter: disk.startWriter, waitingMax: 10_000, stalledMs: 500 };
    const store = await openStore(folder.options({ mayGiveUp: true }), lines, seams);
    disk.failure = 'EIO: i/o error';
    const failedAt = performance.now();
    for (let sequence = 1; sequence <= 10_000; sequence++) store.append(anomalyOf('A', sequence));
    expect(await store.flushed()).toBe(false);
    // Full, but it has not failed for long.
    if (performance.now() - failedAt < 400) expect(store.space).toBe(0);
    await until(() => store.space === Number.POSITIVE_INFINITY);
    expect(performance.now() - failedAt).toBeGreaterThanOrEqual(500);
    expect(store.droppedCount).toBe(0);
    for (let sequence = 10_001; sequence <= 50_000; sequence++) {
      store.append(anomalyOf('A', sequence));
    }
    expect(store.waitingCount).toBeLessThanOrEqual(10_000);
    expect(store.droppedCount).toBe(50_000 - store.waitingCount);
    expect(store.fault).toContain(`; ${store.droppedCount} were given up`);
    const first = store.droppedCount + 1;
    expect(await firstOf(store, 'A')).toBe(first);
    expect(await itemsOf(store, 'A', 1, 1)).toEqual([anomalyOf('A', first)]);
    expect(await store.flushed()).toBe(false);
    disk.failure = undefined;
    await until(() => store.waitingCount === 0);
    expect(await firstOf(store, 'A')).toBe(first);
    expect(store.lastSequence('A')).toBe(50_000);
    expect(await itemsOf(store, 'A', 1, 50_000)).toHaveLength(50_001 - first);
    // Works again: a full buffer is waited for again.
    expect(store.space).toBe(10_000);
    await store.close();
    const logged = lines.lines.filter((line) => line.includes('given up'));
    const counts = logged.map((line) => JSON.parse(line.slice(line.indexOf('{'))));
    expect(counts).toHaveLength(2);
    expect(counts[1]).toMatchObject({ total: store.droppedCount });
    expect(counts[0].count + counts[1].count).toBe(store.droppedCount);
  });

  it('that never answers a write fails after a time, and again works when it does', async () => {
    using folder = new StoreFolder();
    const disk = new FaultyDisk();
    const lines = new StoreLines();
    const seams = { startWriter: disk.startWriter, stalledMs: 50 };
    const store = await openStore(folder.options(), lines, seams);
    disk.writeMs = 400;
    store.append(anomalyOf('A', 1));
    expect(await store.flushed()).toBe(false);
    expect(store.fault).toMatch(/cannot be written: a write has not finished within 0.05 s/);
    await until(() => store.fault === undefined);
    expect(store).toMatchObject({ waitingCount: 0, droppedCount: 0 });
    disk.writeMs = 3_600_000;
    store.append(anomalyOf('A', 2));
    expect(await store.flushed()).toBe(false);
    // A stop does not wait for it, and says what is lost.
    expect(await store.close()).toBe(1);
    expect(lines.lines.at(-1)).toMatch(/^error anomalies are lost: the disk fails {"count":1}/);
  });

  // The second ends just after the write would have been given up.
  it.each([1000, 210])('is not told of when the process stood still for %d ms', async (ms) => {
    using folder = new StoreFolder();
    const disk = new FaultyDisk();
    const lines = new StoreLines();
    const seams = { startWriter: disk.startWriter, stalledMs: 200 };
    const store = await openStore(folder.options(), lines, seams);
    disk.writeMs = 50;
    store.append(anomalyOf('A', 1));
    const flushed = store.flushed();
    // Longer than a write may take: as after SIGSTOP, timers are due before its answer is read.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    expect(await flushed).toBe(true);
    await store.close();
    expect(lines.lines).toEqual([]);
  });

  it.each(['a thread that died', 'MDB_PANIC: environment had fatal error'])(
    'with %s is opened anew',
    async (what) => {
      using folder = new StoreFolder();
      const disk = new FaultyDisk();
      const store = await openStore(folder.options(), new StoreLines(), disk);
      store.append(anomalyOf('A', 1));
      expect(await store.flushed()).toBe(true);
      const first = disk.writer;
      if (what.startsWith('MDB')) disk.failure = what;
      else await first?.terminate();
      store.append(anomalyOf('A', 2));
      const isDurable = await store.flushed();
      expect(isDurable).toBe(!what.startsWith('MDB'));
      disk.failure = undefined;
      await until(() => store.waitingCount === 0);
      expect(disk.writer).not.toBe(first);
      store.append(anomalyOf('A', 3));
      expect(await store.flushed()).toBe(true);
      expect(store.fault).toBeUndefined();
      expect(await itemsOf(store, 'A', 1, 10)).toEqual(
        [1, 2, 3].map((each) => anomalyOf('A', each)),
      );
      await store.close();
    },
  );

  it('by the limit on the size of files degrades, and recovers when it is lifted', async () => {
    using folder = new StoreFolder();
    // In 1024-byte blocks. Limit and failure (EFBIG) are the system's own.
    using child = new StoreChild('fill', [folder.path], 'ulimit -S -f 1000;');
    expect(await child.next()).toEqual({ fault: null, waiting: 0 });
    child.send('500');
    expect(await child.next()).toEqual({ fault: null, waiting: 0 });
    child.send('5000');
    // Told by Node, before LMDB writes: LMDB may end the process as it words the error.
    expect((await child.next())?.fault, child.errors).toMatch(/cannot be written: EFBIG: /);
    child.send('10');
    expect(await child.next()).toMatchObject({ waiting: 5010 });
    expect(child.errors).not.toContain('Write error');
    execFileSync('prlimit', [`--pid=${child.pid}`, '--fsize=unlimited:']);
    let line = child.lines.at(-1);
    while (line?.fault !== null) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      child.send('0');
      line = await child.next();
      expect(line, child.errors).toBeDefined();
    }
    expect(line).toEqual({ fault: null, waiting: 0 });
    expect(await child.end(), child.errors).toBe('0');
    const store = await openStore(folder.options(), new StoreLines());
    expect(await itemsOf(store, 'FILL', 1, 10_000)).toHaveLength(5510);
    expect(store.lastSequence('FILL')).toBe(5510);
    await store.close();
  });
});

describe.skipIf(!canMount())('a disk that is full', () => {
  it('degrades, and recovers when there is room', async () => {
    using disk = new SmallDisk(8 << 20);
    const directory = join(disk.path, 'store');
    const store = await openStore(disk.options({ directory }), new StoreLines());
    for (let sequence = 1; sequence <= 1000; sequence++) store.append(anomalyOf('A', sequence));
    expect(await store.flushed()).toBe(true);
    const ballast = join(disk.path, 'ballast');
    expect(() => writeFileSync(ballast, Buffer.alloc(16 << 20))).toThrow(/ENOSPC/);
    for (let sequence = 1001; sequence <= 9000; sequence++) store.append(anomalyOf('A', sequence));
    expect(await store.flushed()).toBe(false);
    expect(store.fault).toMatch(/cannot be written/);
    expect(await itemsOf(store, 'A', 1, 10_000)).toHaveLength(9000);
    const info = { mark: 1 };
    expect(await store.saveSnapshot([Buffer.alloc(100_000)], info, 'full')).toMatchObject({
      isSaved: false,
      reason: expect.stringMatching(/ENOSPC/),
    });
    expect(readdirSync(directory).filter((name) => name.startsWith('snapshot'))).toEqual([]);
    rmSync(ballast);
    await until(() => store.waitingCount === 0);
    expect(store.fault).toBeUndefined();
    expect(await store.saveSnapshot([Buffer.alloc(100_000)], info, 'full')).toMatchObject({
      isSaved: true,
    });
    expect(await itemsOf(store, 'A', 1, 10_000)).toHaveLength(9000);
    await store.close();
  });

  it('at the start is refused with what is needed', async () => {
    using disk = new SmallDisk(1 << 19);
    const opening = openStore(disk.options(), new StoreLines());
    await expect(opening).rejects.toThrow(/with \d+ bytes free; at least 1048576 are needed/);
    expect(readdirSync(disk.path)).toEqual([]);
  });

  it('or read-only at the start is refused and left as it is', async () => {
    using disk = new SmallDisk(8 << 20);
    const store = await openStore(disk.options(), new StoreLines());
    store.append(anomalyOf('A', 1));
    await store.close();
    const before = readdirSync(disk.path).map((name) => statSync(join(disk.path, name)).mtimeMs);
    disk.remount('ro');
    await expect(openStore(disk.options(), new StoreLines())).rejects.toThrow(/EROFS|read-only/);
    const after = readdirSync(disk.path).map((name) => statSync(join(disk.path, name)).mtimeMs);
    expect(after).toEqual(before);
    const below = disk.options({ directory: join(disk.path, 'new') });
    await expect(openStore(below, new StoreLines())).rejects.toThrow(/cannot be made: EROFS/);
  });
});
