import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DirectoryLock, LOCK_FILE } from '../../src/store/directory-lock.ts';
import { openStore, StoreError } from '../../src/store/index.ts';
import { anomalyOf, fingerprint, StoreFolder, StoreLines } from '../support/store-folder.ts';

/** Whether `other`'s lock is taken over. */
function isTakenOver(path: string, other: object): boolean {
  writeFileSync(join(path, LOCK_FILE), JSON.stringify(other));
  try {
    new DirectoryLock(path).release();
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(StoreError);
    return false;
  }
}

/** The owner in a lock of this process. */
function ownLock(path: string): Record<string, unknown> {
  const lock = new DirectoryLock(path);
  const owner = JSON.parse(readFileSync(join(path, LOCK_FILE), 'utf8')) as Record<string, unknown>;
  lock.release();
  return owner;
}

describe('the lock of a directory', () => {
  it('is one at a time in a process, and gone when it is released', () => {
    using folder = new StoreFolder();
    mkdirSync(folder.path);
    const lock = new DirectoryLock(folder.path);
    expect(() => new DirectoryLock(join(folder.path, '.'))).toThrow('already open in this process');
    lock.release();
    expect(readdirSync(folder.path)).toEqual([]);
    new DirectoryLock(folder.path).release();
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('is taken over from what is dead, and from nothing else', () => {
    using folder = new StoreFolder();
    mkdirSync(folder.path);
    const own = ownLock(folder.path);
    const parent = { ...own, pid: process.ppid };
    const { pid } = JSON.parse(
      execFileSync(process.execPath, ['-p', 'JSON.stringify({ pid: process.pid })'], {
        encoding: 'utf8',
      }),
    ) as { pid: number };
    const stat = readFileSync(`/proc/${process.ppid}/stat`, 'utf8');
    const began = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    expect(isTakenOver(folder.path, { ...parent, began })).toBe(false);
    expect(isTakenOver(folder.path, { ...parent, began: '1' }), 'a pid used again').toBe(true);
    expect(isTakenOver(folder.path, { ...own, pid }), 'a process that has ended').toBe(true);
    expect(isTakenOver(folder.path, own), 'the pid of this process, before it').toBe(true);
    expect(isTakenOver(folder.path, {}), 'not a lock').toBe(true);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('of another machine or container holds while it shows signs of life', () => {
    using folder = new StoreFolder();
    mkdirSync(folder.path);
    const other = { ...ownLock(folder.path), realm: 'elsewhere', pid: 1 };
    expect(isTakenOver(folder.path, other)).toBe(false);
    const lock = join(folder.path, LOCK_FILE);
    const past = new Date(Date.now() - 20_000);
    utimesSync(lock, past, past);
    new DirectoryLock(folder.path).release();
    expect(readdirSync(folder.path)).toEqual([]);
  });
});

describe('the directory of a store', () => {
  it('is made, with the marker, when there is none, and may be empty', async () => {
    using folder = new StoreFolder();
    const directory = join(folder.path, 'a/b');
    const store = await openStore(folder.options({ directory }), new StoreLines());
    store.append(anomalyOf('A', 1));
    await store.close();
    expect(readdirSync(directory).sort()).toEqual([
      'data.mdb',
      'data.mdb-lock',
      'tickwire-store.json',
    ]);
    const marker = JSON.parse(readFileSync(join(directory, 'tickwire-store.json'), 'utf8'));
    expect(marker).toMatchObject({ format: 1, isReady: true });
  });

  it('that a killed start left half laid out is laid out again', async () => {
    using folder = new StoreFolder();
    mkdirSync(folder.path);
    const marker = { format: 1, created: new Date().toISOString(), isReady: false };
    writeFileSync(join(folder.path, 'tickwire-store.json'), JSON.stringify(marker));
    writeFileSync(join(folder.path, 'data.mdb'), Buffer.alloc(5000, 7));
    const store = await openStore(folder.options(), new StoreLines());
    store.append(anomalyOf('A', 1));
    expect(await store.flushed()).toBe(true);
    await store.close();
  });

  it('is refused when a store is open in it, in this process too', async () => {
    using folder = new StoreFolder();
    const store = await openStore(folder.options(), new StoreLines());
    await expect(openStore(folder.options(), new StoreLines())).rejects.toThrow(/already open/);
    store.append(anomalyOf('A', 1));
    expect(await store.flushed()).toBe(true);
    await store.close();
    await store.close();
    expect(() => store.append(anomalyOf('A', 2))).toThrow(StoreError);
  });

  it('of a newer format, or with foreign files, is refused and left as it is', async () => {
    using folder = new StoreFolder();
    const newer = join(folder.root, 'newer');
    mkdirSync(newer);
    const marker = { format: 2, created: new Date().toISOString(), isReady: true };
    writeFileSync(join(newer, 'tickwire-store.json'), JSON.stringify(marker));
    const foreign = join(folder.root, 'foreign');
    mkdirSync(foreign);
    for (const name of ['a.txt', 'b.txt', 'c.txt', 'data.mdb']) {
      writeFileSync(join(foreign, name), name);
    }
    for (const [directory, text] of [
      [newer, /format 2; this program knows formats up to 1.*newer Tickwire/],
      [
        foreign,
        /not belong to a Tickwire store \(a\.txt, b\.txt, c\.txt, …\).*empty or new directory/,
      ],
    ] as const) {
      const before = fingerprint(directory);
      await expect(openStore(folder.options({ directory }), new StoreLines())).rejects.toThrow(
        text,
      );
      expect(fingerprint(directory)).toBe(before);
    }
  });
});
