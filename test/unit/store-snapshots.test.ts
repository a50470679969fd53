import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { SnapshotFiles } from '../../src/store/snapshot-files.ts';
import { SnapshotError } from '../../src/store/snapshot-format.ts';
import { StoreFolder, StoreLines } from '../support/store-folder.ts';

const INFO = { time: 1_764_000_000_000.25, publishers: { 'feed-1': 7 }, rules: [2, null, true] };

/** Distinct chunks, one large. */
function chunksOf(mark: number): Uint8Array[] {
  return [10, 1, 70_000, 4096].map((bytes, index) => Buffer.alloc(bytes, mark * 16 + index));
}

function place(folder: StoreFolder): { snapshots: SnapshotFiles; lines: StoreLines; path: string } {
  mkdirSync(folder.path, { recursive: true });
  const lines = new StoreLines();
  return { snapshots: new SnapshotFiles(folder.path, lines, LOCK), lines, path: folder.path };
}

/** A directory that stays this server's. */
const LOCK = { check: async () => {} };

const files = (path: string) => readdirSync(path).sort();

describe('a snapshot', () => {
  it('is read back as written, and the last two are kept', async () => {
    using folder = new StoreFolder();
    const { snapshots, lines, path } = place(folder);
    expect(snapshots.load()).toBeUndefined();
    for (let mark = 1; mark <= 4; mark++) {
      const saved = await snapshots.save(chunksOf(mark), { ...INFO, mark });
      expect(saved).toMatchObject({ isSaved: true, number: mark });
      const loaded = snapshots.load();
      expect(loaded?.info).toEqual({ ...INFO, mark });
      expect([...(loaded?.chunks() ?? [])]).toEqual(chunksOf(mark));
    }
    expect(files(path)).toEqual(['snapshot-3.tws', 'snapshot-4.tws']);
    expect(lines.lines).toEqual([]);
  });

  it('may have no chunks, or chunks that come later', async () => {
    using folder = new StoreFolder();
    const { snapshots } = place(folder);
    expect(await snapshots.save([], null)).toMatchObject({ isSaved: true });
    expect(snapshots.load()).toMatchObject({ number: 1, info: null });
    expect([...(snapshots.load()?.chunks() ?? [])]).toEqual([]);
    const later = Readable.from(chunksOf(1)) as AsyncIterable<Uint8Array>;
    expect(await snapshots.save(later, 'later')).toMatchObject({ isSaved: true, number: 2 });
    expect([...(snapshots.load()?.chunks() ?? [])]).toEqual(chunksOf(1));
  });

  it('torn, cut or changed anywhere is replaced by the one before it', async () => {
    using folder = new StoreFolder();
    const { snapshots, lines, path } = place(folder);
    await snapshots.save(chunksOf(1), { mark: 1 });
    await snapshots.save(chunksOf(2), { mark: 2 });
    const newest = join(path, 'snapshot-2.tws');
    const whole = readFileSync(newest);
    const check = (what: string) => {
      lines.lines.length = 0;
      expect(snapshots.load()?.info, what).toEqual({ mark: 1 });
      expect(lines.lines, what).toHaveLength(1);
      expect(lines.lines[0], what).toContain('snapshot-2.tws');
    };
    // Every part's border and one byte either side, then steps through the whole.
    const borders = [
      0,
      8,
      24,
      24 + 10,
      42,
      52,
      53,
      62,
      70_070,
      whole.length - 24,
      whole.length - 1,
    ];
    const steps = Array.from({ length: 40 }, (_, index) => Math.floor((index * whole.length) / 40));
    const places = [...borders.flatMap((at) => [at - 1, at, at + 1]), ...steps];
    for (const at of places.filter((each) => each >= 0 && each < whole.length)) {
      writeFileSync(newest, whole);
      truncateSync(newest, at);
      check(`cut at ${at}`);
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      writeFileSync(newest, changed);
      check(`changed at ${at}`);
      // Unwritten blocks, as after a power failure.
      writeFileSync(newest, Buffer.from(whole).fill(0, at));
      check(`zeros from ${at}`);
    }
    writeFileSync(newest, whole);
    appendFileSync(newest, 'x');
    check('longer');
    writeFileSync(newest, whole);
    expect(snapshots.load()?.info).toEqual({ mark: 2 });
  });

  it('after a torn one leaves the whole one before it in place', async () => {
    using folder = new StoreFolder();
    const { snapshots, path } = place(folder);
    await snapshots.save(chunksOf(1), { mark: 1 });
    await snapshots.save(chunksOf(2), { mark: 2 });
    truncateSync(join(path, 'snapshot-2.tws'), 100);
    const again = new SnapshotFiles(path, new StoreLines(), LOCK);
    expect(again.load()?.info).toEqual({ mark: 1 });
    expect(await again.save(chunksOf(3), { mark: 3 })).toMatchObject({ number: 3 });
    expect(files(path)).toEqual(['snapshot-1.tws', 'snapshot-2.tws.kept', 'snapshot-3.tws']);
  });

  it('whose source fails, or that is saved while another is, leaves nothing', async () => {
    using folder = new StoreFolder();
    const { snapshots, path } = place(folder);
    await snapshots.save(chunksOf(1), { mark: 1 });
    const failing = (function* () {
      yield Buffer.alloc(1000);
      throw new Error('the capture was lost');
    })();
    const failed = await snapshots.save(failing, {});
    expect(failed).toEqual({ isSaved: false, reason: 'the capture was lost' });
    expect(files(path)).toEqual(['snapshot-1.tws']);
    let openGate = () => {};
    const gate = new Promise<void>((resolve) => {
      openGate = resolve;
    });
    const slow = (async function* () {
      await gate;
      yield Buffer.alloc(1);
    })();
    const first = snapshots.save(slow, { mark: 2 });
    expect(await snapshots.save([], {})).toMatchObject({ isSaved: false });
    openGate();
    expect(await first).toMatchObject({ isSaved: true, number: 2 });
  });

  it('of changes is read with its base; no damage to one file takes all', async () => {
    using folder = new StoreFolder();
    const { snapshots, lines, path } = place(folder);
    expect(snapshots.hasBase).toBe(false);
    expect(await snapshots.save([], {}, 'changes')).toMatchObject({ isSaved: false });
    const extents = ['full', 'changes', 'full', 'changes', 'changes', 'changes'] as const;
    for (const [index, extent] of extents.entries()) {
      const mark = index + 1;
      const saved = await snapshots.save(chunksOf(mark), { mark }, extent);
      expect(saved).toMatchObject({ isSaved: true, number: mark, isFull: extent === 'full' });
      expect(snapshots.hasBase).toBe(true);
    }
    const [full, changes] = [['snapshot-1.tws', 'snapshot-3.tws'], 'snapshot-2-since-1.tws'];
    const newer = ['snapshot-5-since-3.tws', 'snapshot-6-since-3.tws'];
    expect(files(path)).toEqual([...full, ...newer, changes].toSorted());
    const load = () => new SnapshotFiles(path, lines, LOCK).load();
    const newest = load();
    expect(newest).toMatchObject({ number: 6, info: { mark: 6 }, base: { number: 3 } });
    expect([...(newest?.chunks() ?? [])]).toEqual(chunksOf(6));
    expect([...(newest?.base?.chunks() ?? [])]).toEqual(chunksOf(3));
    expect(lines.lines).toEqual([]);
    // Damaged one after the other: the newest changes, those before, their base, then the older.
    const order = [newer[1], newer[0], 'snapshot-3.tws', changes, 'snapshot-1.tws'];
    const left = [5, 3, 2, 1, undefined];
    for (const [index, name] of order.entries()) {
      truncateSync(join(path, name as string), 60);
      expect(load()?.number).toBe(left[index]);
    }
  });

  it.each([
    ['is gone', (path: string) => rmSync(join(path, 'snapshot-3.tws'))],
    ['is damaged', (path: string) => truncateSync(join(path, 'snapshot-3.tws'), 1000)],
    [
      'is another one',
      (path: string) => copyFileSync(join(path, 'snapshot-1.tws'), join(path, 'snapshot-3.tws')),
    ],
  ])('of changes is not used if its base %s', async (_what, spoil) => {
    using folder = new StoreFolder();
    const { snapshots, lines, path } = place(folder);
    for (const [index, extent] of (['full', 'changes', 'full', 'changes'] as const).entries()) {
      await snapshots.save(chunksOf(index + 1), { mark: index + 1 }, extent);
    }
    spoil(path);
    const loaded = new SnapshotFiles(path, lines, LOCK).load();
    expect(lines.lines[0]).toMatch(/damaged; using the one before.*4-since-3.*(base|damaged)/);
    // Of the first two, whose base is whole.
    expect(loaded?.info).toEqual({ mark: loaded?.number === 3 ? 1 : 2 });
  });

  it('of changes cannot be saved once its base is gone', async () => {
    using folder = new StoreFolder();
    const { snapshots, path } = place(folder);
    await snapshots.save(chunksOf(1), {}, 'full');
    await snapshots.save(chunksOf(2), {}, 'changes');
    rmSync(join(path, 'snapshot-1.tws'));
    expect(snapshots.hasBase).toBe(false);
    await snapshots.save(chunksOf(3), {}, 'full');
    expect(snapshots.hasBase).toBe(true);
    await snapshots.save(chunksOf(4), {}, 'changes');
    rmSync(join(path, 'snapshot-4-since-3.tws'));
    expect(snapshots.hasBase).toBe(false);
  });

  it('left half-written is removed, and other files are not', () => {
    using folder = new StoreFolder();
    const { snapshots, path } = place(folder);
    const changes = 'snapshot-8-since-7.tws.tmp';
    for (const name of ['snapshot-7.tws.tmp', changes, 'snapshot-07.tws.tmp', 'notes.tws.tmp']) {
      writeFileSync(join(path, name), 'x');
    }
    snapshots.removeTemporary();
    expect(files(path)).toEqual(['notes.tws.tmp', 'snapshot-07.tws.tmp']);
  });

  it('that is damaged after it was looked at is an error to read, not other bytes', async () => {
    using folder = new StoreFolder();
    const { snapshots, path } = place(folder);
    await snapshots.save(chunksOf(1), {});
    const loaded = snapshots.load();
    const file = join(path, 'snapshot-1.tws');
    const bytes = readFileSync(file);
    bytes.fill(0xee, 30_000, 30_001);
    writeFileSync(file, bytes);
    expect(() => [...(loaded?.chunks() ?? [])]).toThrow(SnapshotError);
  });
});
