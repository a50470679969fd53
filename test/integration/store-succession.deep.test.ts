import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DATABASE_FILE, LOCK_SUFFIX } from '../../src/store/databases.ts';
import { openStore } from '../../src/store/index.ts';
import { LOCK_FILE } from '../../src/store/lock/claim.ts';
import { StoreChild } from '../support/store-child.ts';
import { fingerprint, itemsOf, StoreFolder, StoreLines } from '../support/store-folder.ts';

const SEAMS = { silenceMs: 800, beatMs: 50 };
const STORE_LOST = '5';

/** Runs what follows in a container's pid namespace, as process 1. */
const NAMESPACE = 'unshare --pid --fork --mount-proc --kill-child';
const canUnshare = spawnSync('/bin/sh', ['-c', `${NAMESPACE} true`]).status === 0;
if (!canUnshare) process.stderr.write('SKIPPED: tests of pid namespaces, which need root\n');

/** An owner elsewhere, of which only the heartbeat tells. */
function ownerIn(realm: string, folder: StoreFolder): StoreChild {
  return new StoreChild('own', [folder.path, JSON.stringify({ ...SEAMS, realm })]);
}

/** An owner in a pid namespace of its own, with the process id 1 or, after a shell, 2. */
function contained(folder: StoreFolder, pid: 1 | 2, seams: object = SEAMS): StoreChild {
  const shell = pid === 1 ? '' : `bash -c '"$@"; exit $?' bash`;
  return new StoreChild('own', [folder.path, JSON.stringify(seams)], '', `${NAMESPACE} ${shell}`);
}

async function write(child: StoreChild, line: string): Promise<void> {
  child.send(line);
  expect(await child.next(), child.errors).toMatchObject({ state: 'written' });
}

function removeSockets(folder: StoreFolder): void {
  for (const name of readdirSync(folder.path)) {
    if (name.endsWith('.sock')) rmSync(join(folder.path, name));
  }
}

async function storedBy(folder: StoreFolder): Promise<{ info: unknown; count: number }> {
  const store = await openStore(folder.options(), new StoreLines());
  const { info } = store.loadSnapshot() ?? {};
  const count = (await itemsOf(store, 'OWN', 1, 100)).length;
  await store.close();
  return { info, count };
}

/** All but LMDB's table of readers, where a thread that ends frees its own place. */
function writtenIn(folder: StoreFolder): string[] {
  const lines = fingerprint(folder.path).split('\n');
  const others = lines.filter((line) => !line.startsWith(`${DATABASE_FILE}${LOCK_SUFFIX} `));
  expect(others).toHaveLength(lines.length - 1);
  return others;
}

describe('an owner elsewhere that stands still', () => {
  it('is succeeded, writes nothing when it wakes, and ends', async () => {
    using folder = new StoreFolder();
    using first = ownerIn('one x', folder);
    expect(await first.next(), first.errors).toMatchObject({ state: 'open' });
    for (const line of ['a', 'b', 'c']) await write(first, line);
    first.signal('SIGSTOP');
    // Waits in its input until it wakes.
    first.send('d');
    using second = ownerIn('two x', folder);
    expect(await second.next()).toMatchObject({
      state: 'open',
      count: 3,
      message: expect.stringContaining('waiting to see whether it still runs'),
    });
    for (const line of ['e', 'f']) await write(second, line);
    const before = writtenIn(folder);
    first.signal('SIGCONT');
    expect(await first.end()).toBe(STORE_LOST);
    expect(first.lines.at(-1)?.message).toMatch(/was taken over by process \d+ on /);
    expect(writtenIn(folder)).toEqual(before);
    await write(second, 'g');
    expect(await second.end()).toBe('0');
    expect(await storedBy(folder)).toEqual({ info: 'g', count: 6 });
  });

  it('is not succeeded while it moves', async () => {
    using folder = new StoreFolder();
    using first = ownerIn('one x', folder);
    expect(await first.next()).toMatchObject({ state: 'open' });
    using second = ownerIn('two x', folder);
    expect(await second.end()).toBe('1');
    expect(second.errors).toMatch(/in use by process/);
    await write(first, 'a');
    expect(await first.end()).toBe('0');
  });

  it('ends too when its successor has come and gone', async () => {
    using folder = new StoreFolder();
    using first = ownerIn('one x', folder);
    expect(await first.next()).toMatchObject({ state: 'open' });
    first.signal('SIGSTOP');
    using second = ownerIn('two x', folder);
    expect(await second.next()).toMatchObject({ state: 'open' });
    await write(second, 'a');
    expect(await second.end()).toBe('0');
    first.send('b');
    first.signal('SIGCONT');
    expect(await first.end()).toBe(STORE_LOST);
    expect(first.lines.at(-1)?.message).toMatch(/has lost its tickwire-store\.lock/);
    expect(await storedBy(folder)).toEqual({ info: 'a', count: 1 });
  });
});

describe.skipIf(!canUnshare && !process.env.CI)('an owner in another container', () => {
  it.each([1, 2] as const)('holds while it stands still, not when killed (pid %i)', async (pid) => {
    using folder = new StoreFolder();
    using first = contained(folder, 1);
    expect(await first.next(), first.errors).toMatchObject({ state: 'open' });
    await write(first, 'a');
    first.signal('SIGSTOP');
    using second = contained(folder, pid);
    expect(await second.end()).toBe('1');
    expect(second.errors).toMatch(/in use by process 1 on/);
    first.signal('SIGKILL');
    expect(await first.end()).not.toBe('0');
    using third = contained(folder, pid);
    // Has waited for nothing.
    expect(await third.next()).toMatchObject({ state: 'open', count: 1, message: '' });
    await write(third, 'b');
    expect(await third.end()).toBe('0');
  });

  it('without a socket is succeeded, and ends when it wakes', async () => {
    using folder = new StoreFolder();
    using first = contained(folder, 1);
    expect(await first.next()).toMatchObject({ state: 'open' });
    await write(first, 'a');
    first.signal('SIGSTOP');
    removeSockets(folder);
    using second = contained(folder, 2);
    expect(await second.next(), second.errors).toMatchObject({ state: 'open', count: 1 });
    await write(second, 'b');
    const before = writtenIn(folder);
    first.send('c');
    first.signal('SIGCONT');
    expect(await first.end()).toBe(STORE_LOST);
    expect(writtenIn(folder)).toEqual(before);
    await write(second, 'd');
    expect(await second.end()).toBe('0');
    expect(await storedBy(folder)).toEqual({ info: 'd', count: 3 });
  });

  it('with the same pid holds the database while it stands still, even so', async () => {
    using folder = new StoreFolder();
    using first = contained(folder, 1);
    expect(await first.next()).toMatchObject({ state: 'open' });
    await write(first, 'a');
    first.signal('SIGSTOP');
    removeSockets(folder);
    using second = contained(folder, 1);
    expect(await second.end()).toBe('1');
    expect(second.errors).toMatch(
      /another process with this one's id, 1, still has data\.mdb open/,
    );
    first.send('b');
    first.signal('SIGCONT');
    expect(await first.end()).toBe(STORE_LOST);
    using third = contained(folder, 1);
    expect(await third.next(), third.errors).toMatchObject({ state: 'open', count: 1 });
    await write(third, 'c');
    expect(await third.end()).toBe('0');
  });
});

describe('a copy of a running server’s directory', () => {
  it('can be opened at once, and neither disturbs the other', async () => {
    using folder = new StoreFolder();
    using first = new StoreChild('own', [folder.path, '{}']);
    expect(await first.next()).toMatchObject({ state: 'open' });
    await write(first, 'a');
    const copy = join(folder.root, 'copy');
    execFileSync('cp', ['-a', folder.path, copy]);
    using second = new StoreChild('own', [copy, '{}']);
    expect(await second.next(), second.errors).toMatchObject({ count: 1, message: '' });
    await write(second, 'b');
    await write(first, 'c');
    expect(await second.end()).toBe('0');
    expect(await first.end()).toBe('0');
    expect(readdirSync(copy).filter((name) => name.startsWith(LOCK_FILE))).toEqual([]);
  });
});
