import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openStore, StoreError } from '../../src/store/index.ts';
import {
  checkClaim,
  LOCK_FILE,
  type Owner,
  parseOwner,
  StoreLostError,
} from '../../src/store/lock/claim.ts';
import { DirectoryLock, type LockSeams } from '../../src/store/lock/directory-lock.ts';
import { anomalyOf, fingerprint, StoreFolder, StoreLines } from '../support/store-folder.ts';

/** Short, but far longer than two looks at the lock. */
const SEAMS: LockSeams = { silenceMs: 600 };

async function acquire(path: string, lines = new StoreLines()): Promise<DirectoryLock> {
  return DirectoryLock.acquire(path, lines, SEAMS);
}

/** Whether `other`'s lock is taken over; 'observed' if only after a look at its heartbeat. */
async function isTakenOver(path: string, other: object): Promise<boolean | 'observed'> {
  // Not replaced in one step, as another owner would: the file keeps its number.
  writeFileSync(join(path, LOCK_FILE), JSON.stringify(other));
  const lines = new StoreLines();
  try {
    (await acquire(path, lines)).release();
    return lines.lines.length === 0 || 'observed';
  } catch (error) {
    expect(error).toBeInstanceOf(StoreError);
    rmSync(join(path, LOCK_FILE));
    return false;
  }
}

/** The owner in a lock of this process. */
async function ownLock(path: string): Promise<Owner> {
  const lock = await acquire(path);
  const owner = parseOwner(readFileSync(join(path, LOCK_FILE), 'utf8'));
  lock.release();
  if (owner === undefined) throw new Error('no owner');
  return owner;
}

/** The identity of the next lock written to a path. */
function fileAt(path: string): string {
  writeFileSync(join(path, LOCK_FILE), '');
  const { dev, ino } = statSync(join(path, LOCK_FILE), { bigint: true });
  return `${dev}:${ino}`;
}

describe('the lock of a directory', () => {
  it('is one at a time in a process, and gone when it is released', async () => {
    using folder = new StoreFolder();
    mkdirSync(folder.path);
    const lock = await acquire(folder.path);
    await expect(acquire(join(folder.path, '.'))).rejects.toThrow('already open in this process');
    lock.release();
    expect(readdirSync(folder.path)).toEqual([]);
    (await acquire(folder.path)).release();
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('is taken over from what is dead, and from nothing else', async () => {
    using folder = new StoreFolder();
    mkdirSync(folder.path);
    const { file: _, ...own } = await ownLock(folder.path);
    const parent = { ...own, pid: process.ppid };
    const { pid } = JSON.parse(
      execFileSync(process.execPath, ['-p', 'JSON.stringify({ pid: process.pid })'], {
        encoding: 'utf8',
      }),
    ) as { pid: number };
    const stat = readFileSync(`/proc/${process.ppid}/stat`, 'utf8');
    const began = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    expect(await isTakenOver(folder.path, { ...parent, began })).toBe(false);
    expect(await isTakenOver(folder.path, { ...parent, began: '1' }), 'a pid used again').toBe(
      true,
    );
    expect(await isTakenOver(folder.path, { ...own, pid }), 'a process that has ended').toBe(true);
    expect(await isTakenOver(folder.path, own), 'the pid of this process, before it').toBe(true);
    expect(await isTakenOver(folder.path, {}), 'not a lock').toBe(true);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('counts for the directory that it was made in, not for a copy', async () => {
    using folder = new StoreFolder();
    mkdirSync(folder.path);
    const lock = await acquire(folder.path);
    const copy = join(folder.root, 'copy');
    execFileSync('cp', ['-a', folder.path, copy]);
    // As found by another process.
    const file = join(copy, LOCK_FILE);
    const owner = { ...parseOwner(readFileSync(file, 'utf8')), pid: process.ppid };
    const began = undefined;
    writeFileSync(file, JSON.stringify({ ...owner, began }));
    const lines = new StoreLines();
    (await acquire(copy, lines)).release();
    expect(lines.lines).toEqual([]);
    await lock.check();
    lock.release();
  });

  it('of another container holds as long as its process, however long that is silent', async () => {
    using folder = new StoreFolder();
    mkdirSync(folder.path);
    const own = await ownLock(folder.path);
    const realm = `${own.realm.split(' ')[0]} pid:[1]`;
    const other = { ...own, realm, pid: 1, file: fileAt(folder.path) };
    const socket = join(folder.path, `${LOCK_FILE}.${own.id}.sock`);
    const server = createServer().listen(socket);
    await once(server, 'listening');
    expect(await isTakenOver(folder.path, other)).toBe(false);
    // The kernel has closed it: a link remains, as after a kill.
    linkSync(socket, `${socket}.kept`);
    server.close();
    await once(server, 'close');
    renameSync(`${socket}.kept`, socket);
    expect(await isTakenOver(folder.path, { ...other, file: fileAt(folder.path) })).toBe(true);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it.each([
    ['past', -3_600_000],
    ['future', 3_600_000],
  ])('of another machine holds while it moves, with a clock in the %s', async (_, offMs) => {
    using folder = new StoreFolder();
    mkdirSync(folder.path);
    const other = { ...(await ownLock(folder.path)), realm: 'elsewhere x', pid: 1 };
    const lock = join(folder.path, LOCK_FILE);
    let beats = 0;
    const beat = () => {
      const time = new Date(Date.now() + offMs + beats++);
      if (existsSync(lock)) utimesSync(lock, time, time);
    };
    const timer = setInterval(beat, 50);
    expect(await isTakenOver(folder.path, other)).toBe(false);
    clearInterval(timer);
    expect(await isTakenOver(folder.path, other)).toBe('observed');
    writeFileSync(lock, JSON.stringify(other));
    beat();
    (await acquire(folder.path)).release();
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('is lost to another, and when it is removed, but not while it is looked at', async () => {
    using folder = new StoreFolder();
    mkdirSync(folder.path);
    const path = join(folder.path, LOCK_FILE);
    const lock = await DirectoryLock.acquire(folder.path, new StoreLines(), { beatMs: 20 });
    renameSync(path, `${path}.aside`);
    const check = lock.check();
    renameSync(`${path}.aside`, path);
    await check;
    checkClaim(lock.claim);
    const other = JSON.stringify({ ...parseOwner(lock.claim.content), pid: 7, host: 'far' });
    rmSync(path);
    writeFileSync(path, other);
    expect(() => checkClaim(lock.claim)).toThrow(/taken over by process 7 on far/);
    await expect(lock.check()).rejects.toThrow(StoreLostError);
    expect((await lock.lost).message).toMatch(/taken over by process 7 on far/);
    lock.release();
    expect(readFileSync(path, 'utf8')).toBe(other);
    rmSync(path);
    expect(() => checkClaim(lock.claim)).toThrow(/has lost its tickwire-store\.lock/);
    rmSync(folder.path, { recursive: true });
    expect(() => checkClaim(lock.claim)).toThrow(/is gone/);
    expect(() => checkClaim(lock.claim)).not.toThrow(StoreLostError);
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
    expect(marker).toMatchObject({ format: 3, isReady: true });
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
    const marker = { format: 4, created: new Date().toISOString(), isReady: true };
    writeFileSync(join(newer, 'tickwire-store.json'), JSON.stringify(marker));
    const foreign = join(folder.root, 'foreign');
    mkdirSync(foreign);
    for (const name of ['a.txt', 'b.txt', 'c.txt', 'data.mdb']) {
      writeFileSync(join(foreign, name), name);
    }
    for (const [directory, text] of [
      [newer, /format 4; this program knows formats up to 3.*newer Tickwire/],
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
