import { execFile } from 'node:child_process';
import { closeSync, fstatSync, linkSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DATABASE_FILE, LOCK_SUFFIX } from './databases.ts';
import { reasonOf } from './directory.ts';
import { StoreError } from './store.ts';

/**
 * A hard link to the database: LMDB puts a lock file beside the name it opens, so the original's
 * stays.
 */
const CHECKED_FILE = `${DATABASE_FILE}.check`;
/** Exit code of a check that found damage and printed it. */
export const EXIT_DAMAGED = 3;
/** Signals sent by others say nothing about the file. */
const FOREIGN_SIGNALS = new Set<unknown>(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT']);
/** Windows exit codes from here on are faults, such as an access violation. */
const WINDOWS_FAULT = 0xc0000000;
/** Larger files are not read whole: page by page from a slow disk, that takes too long. */
export const WHOLE_BYTES_MAX = 2 ** 31;
/** Time limit of a check, ms, and more for large files: a slow disk reads pages at 1 MB/s. */
const CHECK_MS_MIN = 30_000;
const CHECKED_BYTES_PER_MS = 1000;

/**
 * Finds damage before the server opens the database. LMDB maps the file into memory and follows the
 * page numbers in it: damage ends the process that reads it with SIGSEGV or SIGBUS. A child process
 * therefore reads it first. Nothing is changed.
 *
 * @throws StoreError with the path, the damage, and what to do
 */
export async function checkDatabase(directory: string): Promise<void> {
  const path = join(directory, DATABASE_FILE);
  const checked = join(directory, CHECKED_FILE);
  const damage = findDamage(directory);
  if (damage !== undefined) throw damagedError(path, damage);
  try {
    removeChecked(checked);
    linkSync(path, checked);
    await readThrough(path, checked);
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw new StoreError(`${path} cannot be checked: ${reasonOf(error)}. Nothing was changed.`);
  } finally {
    removeChecked(checked);
  }
}

function removeChecked(checked: string): void {
  for (const name of [checked, checked + LOCK_SUFFIX]) rmSync(name, { force: true });
}

function damagedError(path: string, damage: string): StoreError {
  return new StoreError(
    `${path} is damaged: ${damage}. Nothing was changed. ` +
      'Restore the directory from a backup, or move it away to start a new store.',
  );
}

/**
 * @throws StoreError when the process finds damage or dies by it
 * @throws Error when it takes too long or fails otherwise
 */
async function readThrough(path: string, checked: string): Promise<void> {
  const bytes = Math.min(statSync(path).size, WHOLE_BYTES_MAX);
  const timeout = CHECK_MS_MIN + Math.ceil(bytes / CHECKED_BYTES_PER_MS);
  const options = { timeout, killSignal: 'SIGKILL', windowsHide: true } as const;
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [...program(), checked], options, (error, stdout, stderr) => {
      if (error === null) {
        resolve();
        return;
      }
      const { code, signal, killed } = error;
      const end = signal ?? (typeof code === 'number' ? describeExit(code) : error.message);
      const isFault = signal ? !FOREIGN_SIGNALS.has(signal) : Number(code) >= WINDOWS_FAULT;
      if (code === EXIT_DAMAGED) reject(damagedError(path, stdout.trim()));
      else if (isFault) reject(damagedError(path, `a process that read it ended with ${end}`));
      else if (killed === true) reject(new Error(`no end after ${timeout} ms`));
      else reject(new Error(`the process that reads it ended with ${end}. ${stderr.trim()}`));
    });
  });
}

/** Arguments that run the check: built JavaScript or, in tests, the TypeScript source. */
function program(): string[] {
  const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  if (import.meta.url.endsWith('.js')) return [fileOf('./database-check-process.js')];
  const entry = new URL('./database-check-process.ts', import.meta.url).href;
  return [fileOf('../../scripts/ts-worker.mjs'), entry];
}

function describeExit(code: number): string {
  return code >= WINDOWS_FAULT ? `code 0x${code.toString(16)}` : `code ${code}`;
}

/*
 * LMDB has two headers and uses the newer one unchecked: a page number that is too large shows only
 * at the first write. Little-endian:
 *
 *   page 0 or 1   24      28        32        40         48          144         152
 *                 magic   version   address   map size   page size   last page   transaction
 */
const HEADER_BYTES = 168;
const MAGIC = 0xbeefc0de;
const VERSION = 2;
const PAGE_BYTES_MIN = 512;
const PAGE_BYTES_MAX = 65_536;
/** Address space of a process. */
const MAP_BYTES_MAX = 2 ** 47;

interface Header {
  readonly pageBytes: number;
  readonly transaction: number;
}

/** Damage that shows without following page numbers; undefined if none. */
function findDamage(directory: string): string | undefined {
  const lock = statSync(join(directory, DATABASE_FILE + LOCK_SUFFIX), { throwIfNoEntry: false });
  if (lock?.isFile() === false) return `its ${DATABASE_FILE + LOCK_SUFFIX} is not a file`;
  return findHeaderDamage(join(directory, DATABASE_FILE));
}

/** Damage in the two headers of a database; undefined if none. */
export function findHeaderDamage(path: string): string | undefined {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return 'it is missing';
  const file = openSync(path, 'r');
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) return 'it is not a file';
    if (stat.size === 0) return 'it is empty';
    const first = readHeader(file, 0);
    if (typeof first === 'string') return first;
    const second = readHeader(file, first.pageBytes);
    if (typeof second === 'string') return second;
    const isPair =
      second.pageBytes === first.pageBytes && Math.abs(second.transaction - first.transaction) <= 1;
    return isPair ? undefined : 'its two headers contradict each other';
  } finally {
    closeSync(file);
  }
}

function readHeader(file: number, at: number): Header | string {
  const bytes = Buffer.alloc(HEADER_BYTES);
  if (readSync(file, bytes, 0, HEADER_BYTES, at) < HEADER_BYTES)
    return 'it ends inside its headers';
  const magic = bytes.readUInt32LE(24);
  if (magic !== MAGIC) return `it begins with ${magic.toString(16)} instead of beefc0de`;
  const version = bytes.readUInt32LE(28);
  if (version !== VERSION) return `it is of LMDB's data version ${version}, not ${VERSION}`;
  const pageBytes = bytes.readUInt32LE(48);
  const pages = Number(bytes.readBigUInt64LE(144)) + 1;
  const isPlausible =
    bytes.readBigUInt64LE(32) === 0n &&
    (pageBytes & (pageBytes - 1)) === 0 &&
    pageBytes >= PAGE_BYTES_MIN &&
    pageBytes <= PAGE_BYTES_MAX &&
    pages * pageBytes <= MAP_BYTES_MAX;
  if (!isPlausible) return 'its headers hold impossible values';
  return { pageBytes, transaction: Number(bytes.readBigUInt64LE(152)) };
}
