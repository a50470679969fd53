import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkDatabase, WHOLE_BYTES_MAX } from '../../src/store/database-check.ts';
import { recordKey, timeKey } from '../../src/store/databases.ts';
import { openStore } from '../../src/store/index.ts';
import { type ChildLine, StoreChild } from '../support/store-child.ts';
import { anomalyOf, fingerprint, StoreFolder, StoreLines } from '../support/store-folder.ts';

/** Reproducible pseudo-random numbers. */
function makeRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const PAGE_BYTES = 4096;
const whole = new StoreFolder();
const random = makeRandom(20_261_122);

function junk(bytes: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, () => random() * 256));
}

/** A store with branch pages and a free list. */
beforeAll(async () => {
  const options = whole.options({ retentionPerSymbol: 60 });
  const store = await openStore(options, new StoreLines());
  for (let round = 0; round < 5; round++) {
    for (let sequence = round * 30 + 1; sequence <= round * 30 + 30; sequence++) {
      for (let symbol = 0; symbol < 60; symbol++) store.append(anomalyOf(`S-${symbol}`, sequence));
    }
    await store.flushed();
  }
  await store.sweep({ now: undefined, mayRemoveMost: false });
  store.append(anomalyOf('S-0', 151));
  await store.close();
  return () => whole[Symbol.dispose]();
});

/** A copy of the store, damaged in its own way. */
interface Damaged {
  readonly name: string;
  readonly directory: string;
  readonly before: string | undefined;
}

type Said = ChildLine & { isUnchanged: boolean };

const PROCESSES = Math.max(2, availableParallelism());

/** Opens damaged copies in child processes; returns their output. */
async function giveDamaged(
  damages: ReadonlyMap<string, (directory: string) => void>,
): Promise<Map<string, Said>> {
  const shares = Array.from({ length: PROCESSES }, (): Damaged[] => []);
  for (const [index, [name, damage]] of [...damages].entries()) {
    const directory = join(whole.root, name);
    cpSync(whole.path, directory, { recursive: true });
    damage(directory);
    const before = statSync(directory).isDirectory() ? fingerprint(directory) : undefined;
    shares[index % PROCESSES]?.push({ name, directory, before });
  }
  const said = new Map<string, Said>();
  await Promise.all(shares.map((share) => openEach(share, said)));
  return said;
}

/** Opens copies in turn in one process, in a new one after each crash. */
async function openEach(share: readonly Damaged[], said: Map<string, Said>): Promise<void> {
  for (let left = share; left.length > 0; ) {
    using child = new StoreChild(
      'open',
      left.map(({ directory }) => directory),
    );
    const end = await child.end();
    const done = child.lines.filter(({ state }) => state !== 'opening');
    for (const [index, { name, directory, before }] of left.entries()) {
      const line = done[index] ?? { state: `ended with ${end}`, errors: child.errors };
      const isUnchanged = before === undefined || fingerprint(directory) === before;
      said.set(name, { ...line, isUnchanged });
      rmSync(directory, { recursive: true });
      if (done[index] === undefined) break;
    }
    left = left.slice(done.length + 1);
  }
}

const changeFile = (change: (bytes: Buffer) => Buffer) => (directory: string) => {
  const path = join(directory, 'data.mdb');
  writeFileSync(path, change(readFileSync(path)));
};

/** Marks every page as of a later transaction: LMDB would write to them in place, in the map. */
function markPagesLater(bytes: Buffer): Buffer {
  for (let at = 2 * PAGE_BYTES; at < bytes.length; at += PAGE_BYTES)
    bytes.fill(0x7f, at + 8, at + 14);
  return bytes;
}

function expectRefused(said: ReadonlyMap<string, Said>): void {
  for (const [name, line] of said) {
    expect(line, name).toMatchObject({ state: 'refused', isUnchanged: true });
    expect(line.message, name).toMatch(/data\.mdb is damaged: .*Nothing was changed/);
  }
}

describe('a damaged database', () => {
  it('is opened when it is not: the copy itself does no harm', async () => {
    const said = await giveDamaged(new Map([['copy', () => {}]]));
    expect(said.get('copy')).toMatchObject({ state: 'opened', count: 3601 });
    expect(said.get('copy')).not.toHaveProperty('fault');
  });

  it('that is cut anywhere is refused', async () => {
    const bytes = statSync(join(whole.path, 'data.mdb')).size;
    const lengths = new Set([0, 1, 23, 24, 100, 4095, 4096, 4200, 8191, 8192, 8193]);
    for (let count = 0; count < 12; count++) lengths.add(Math.floor(random() * bytes * 0.6));
    const damages = new Map<string, (directory: string) => void>();
    for (const length of lengths) {
      damages.set(`cut-${length}`, (directory) =>
        truncateSync(join(directory, 'data.mdb'), length),
      );
    }
    expectRefused(await giveDamaged(damages));
  });

  it('that is something else is refused', async () => {
    const damages = new Map<string, (directory: string) => void>([
      ['missing', (directory) => rmSync(join(directory, 'data.mdb'))],
      ['zeros', changeFile((bytes) => Buffer.alloc(bytes.length))],
      ['other-magic', changeFile((bytes) => bytes.fill(1, 24, 28))],
      ['other-version', changeFile((bytes) => bytes.fill(1, 28, 29))],
      ['second-meta', changeFile((bytes) => bytes.fill(9, PAGE_BYTES, PAGE_BYTES + 168))],
      ['page-size', changeFile((bytes) => bytes.fill(0, 48, 52))],
      ['map-address', changeFile((bytes) => bytes.fill(7, 32, 40))],
      ['last-page', changeFile((bytes) => bytes.fill(0x7f, 144, 150))],
      ['page-txns', changeFile(markPagesLater)],
      ['txn', changeFile((bytes) => bytes.fill(0x7f, 152, 158))],
    ]);
    for (const bytes of [1, 100, 4096, 8192, 65_536, 300_000]) {
      damages.set(
        `junk-${bytes}`,
        changeFile(() => junk(bytes)),
      );
    }
    expectRefused(await giveDamaged(damages));
  });

  it('with junk pages inside is refused, or they are free pages', async () => {
    const damages = new Map<string, (directory: string) => void>();
    const pages = statSync(join(whole.path, 'data.mdb')).size / PAGE_BYTES;
    for (let count = 0; count < 12; count++) {
      const hit = Array.from(
        { length: 1 + (count % 4) * 3 },
        () => 2 + Math.floor(random() * (pages - 2)),
      );
      const change = (bytes: Buffer) => {
        for (const page of hit) junk(PAGE_BYTES).copy(bytes, page * PAGE_BYTES);
        return bytes;
      };
      damages.set(`pages-${hit.join('-')}`, changeFile(change));
    }
    const said = await giveDamaged(damages);
    let refused = 0;
    for (const [name, line] of said) {
      expect(['refused', 'opened'], `${name} ${JSON.stringify(line)}`).toContain(line.state);
      if (line.state === 'refused') {
        expect(line.isUnchanged, name).toBe(true);
        refused++;
      } else {
        expect(line, name).toMatchObject({ count: 3601 });
        expect(line, name).not.toHaveProperty('fault');
      }
    }
    expect(refused).toBeGreaterThan(2);
  });

  it('with bytes changed here and there never ends the process', async () => {
    const damages = new Map<string, (directory: string) => void>();
    for (let count = 0; count < 18; count++) {
      const change = (bytes: Buffer) => {
        for (let times = 0; times <= count % 3; times++) {
          const page = Math.floor(random() * (bytes.length / PAGE_BYTES));
          // Half of them in the structure: page headers and first pointers.
          const span = (times + count) % 2 === 0 ? 64 : PAGE_BYTES;
          bytes[page * PAGE_BYTES + Math.floor(random() * span)] = random() * 256;
        }
        return bytes;
      };
      damages.set(`bytes-${count}`, changeFile(change));
    }
    for (const [name, line] of await giveDamaged(damages)) {
      expect(['refused', 'opened'], `${name} ${JSON.stringify(line)}`).toContain(line.state);
      if (line.state === 'refused') expect(line.isUnchanged, name).toBe(true);
    }
  });

  it('does not matter where LMDB keeps its locks: that file holds nothing', async () => {
    const path = (directory: string) => join(directory, 'data.mdb-lock');
    const said = await giveDamaged(
      new Map([
        ['lock-junk', (directory) => writeFileSync(path(directory), junk(8192))],
        ['lock-short', (directory) => writeFileSync(path(directory), junk(10))],
        ['lock-missing', (directory) => rmSync(path(directory))],
      ]),
    );
    for (const [name, line] of said) expect(line, name).toMatchObject({ state: 'opened' });
  });
});

describe('a path that cannot be a store', () => {
  it('is refused with what was found there', async () => {
    const inside = (name: string) => join(whole.root, name);
    writeFileSync(inside('file'), 'a file');
    mkdirSync(inside('foreign'));
    writeFileSync(inside('foreign/notes.txt'), 'notes');
    mkdirSync(inside('folder-as-data'));
    cpSync(join(whole.path, 'tickwire-store.json'), inside('folder-as-data/tickwire-store.json'));
    mkdirSync(inside('folder-as-data/data.mdb'));
    mkdirSync(inside('torn-marker'));
    writeFileSync(inside('torn-marker/tickwire-store.json'), '{"format": 1');
    mkdirSync(inside('other-marker'));
    writeFileSync(inside('other-marker/tickwire-store.json'), '[]');
    symlinkSync('nowhere', inside('dangling'));
    const expected: [path: string, message: RegExp][] = [
      [inside('file'), /is not a directory/],
      [inside('file/below'), /cannot be reached: ENOTDIR/],
      [inside('foreign'), /holds files that do not belong to a Tickwire store \(notes\.txt\)/],
      [inside('folder-as-data'), /data\.mdb is damaged: it is not a file/],
      [inside('torn-marker'), /cannot be read: .*JSON/],
      [inside('other-marker'), /is not the marker of a Tickwire store/],
      [inside('dangling'), /cannot be made|cannot be read/],
      ['/proc/tickwire-store', /cannot be made/],
      ['/proc/self/fdinfo', /holds files that do not belong to a Tickwire store/],
      ['/proc', /holds files/],
      ['/dev/null', /is not a directory/],
      [`/tmp/${'x'.repeat(300)}`, /cannot be reached: ENAMETOOLONG/],
      ['/sys/kernel', /holds files/],
    ];
    const before = fingerprint(whole.root);
    using child = new StoreChild(
      'open',
      expected.map(([path]) => path),
    );
    expect(await child.end(), child.errors).toBe('0');
    const said = child.lines.filter(({ state }) => state !== 'opening');
    for (const [index, [path, message]] of expected.entries()) {
      expect(said[index], path).toMatchObject({ state: 'refused' });
      expect(said[index]?.message, path).toMatch(message);
      expect(said[index]?.message, path).toContain(path);
    }
    expect(fingerprint(whole.root)).toBe(before);
    expect(existsSync('/proc/tickwire-store')).toBe(false);
  });
});

describe('a check of a large file', () => {
  it('reads the last records only, so that a slow disk does not hold up the start', async () => {
    using folder = new StoreFolder();
    const store = await openStore(folder.options(), new StoreLines());
    // More than the last records that every check reads.
    for (let sequence = 1; sequence <= 120_000; sequence++) {
      store.append(anomalyOf('S', sequence));
      if (sequence % 20_000 === 0) await store.flushed();
    }
    await store.close();
    const damagePagesWith = (key: Buffer) =>
      changeFile((bytes) => {
        for (let at = bytes.indexOf(key); at >= 0; at = bytes.indexOf(key, at + 1)) {
          const page = at - (at % PAGE_BYTES);
          bytes.fill(0xff, page + 16, page + PAGE_BYTES);
        }
        return bytes;
      })(folder.path);
    const keyOf = (sequence: number) => timeKey(1000 + sequence, recordKey('S', sequence));
    const path = join(folder.path, 'data.mdb');
    const { size } = statSync(path);
    damagePagesWith(keyOf(2));
    await expect(checkDatabase(folder.path)).rejects.toThrow('is damaged');
    truncateSync(path, WHOLE_BYTES_MAX + PAGE_BYTES);
    await expect(checkDatabase(folder.path)).resolves.toBeUndefined();
    truncateSync(path, size);
    damagePagesWith(keyOf(119_000));
    truncateSync(path, WHOLE_BYTES_MAX + PAGE_BYTES);
    await expect(checkDatabase(folder.path)).rejects.toThrow('is damaged');
  });
});
