import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { LOCK_FILE } from './lock/claim.ts';
import { StoreError } from './store.ts';

const MARKER_FILE = 'tickwire-store.json';
/**
 * 2: snapshots of changes, which format 1 would overlook. 3: a journal, without which snapshots are
 * not the newest state.
 */
export const FORMAT = 3;
/**
 * Free space that LMDB needs to lay out its files. With less, writing its lock file through a
 * memory map would end the process with SIGBUS.
 */
const FREE_BYTES_MIN = 1 << 20;
/** Entries in the root of a new volume. */
const IGNORED = new Set(['lost+found']);

/** Marks a directory as a store. */
export interface Marker {
  readonly format: number;
  /** RFC 3339. */
  readonly created: string;
  /** False until the database is laid out: until then the directory holds no data. */
  readonly isReady: boolean;
}

/**
 * Creates the directory if needed and inspects it. Writes nothing into an existing one.
 *
 * @returns its marker; undefined for an empty directory
 * @throws StoreError if it is not a store's directory, or one of another version
 */
export function inspectDirectory(directory: string): Marker | undefined {
  makeDirectory(directory);
  let names: string[];
  try {
    names = readdirSync(directory).filter((name) => !IGNORED.has(name));
  } catch (error) {
    throw new StoreError(`store.directory ${directory} cannot be read: ${reasonOf(error)}.`);
  }
  if (names.includes(MARKER_FILE)) return readMarker(directory);
  const foreign = names.filter((name) => !isOurs(name));
  if (foreign.length === 0) return undefined;
  const shown = foreign.sort().slice(0, 3).join(', ') + (foreign.length > 3 ? ', …' : '');
  throw new StoreError(
    `store.directory ${directory} holds files that do not belong to a Tickwire store ` +
      `(${shown}) and no ${MARKER_FILE}. Nothing was changed. Name an empty or new directory.`,
  );
}

/** Writes the marker atomically and durably. */
export function writeMarker(directory: string, isReady: boolean, created: string): Marker {
  const marker: Marker = { format: FORMAT, created, isReady };
  const path = join(directory, MARKER_FILE);
  try {
    const file = openSync(`${path}.tmp`, 'w', 0o644);
    try {
      writeSync(file, `${JSON.stringify(marker, undefined, 2)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(`${path}.tmp`, path);
    syncDirectory(directory);
  } catch (error) {
    throw new StoreError(`store.directory ${directory} cannot be written: ${reasonOf(error)}.`);
  }
  return marker;
}

/** @throws StoreError if there is too little space to lay out a database */
export function checkSpace(directory: string): void {
  const { bavail, bsize } = statfsSync(directory);
  const free = bavail * bsize;
  if (free >= FREE_BYTES_MIN) return;
  throw new StoreError(
    `store.directory ${directory} is on a disk with ${free} bytes free; ` +
      `at least ${FREE_BYTES_MIN} are needed to start. Free some, or name another directory.`,
  );
}

/** Makes the entries of the directory durable. */
function syncDirectory(directory: string): void {
  const file = openSync(directory, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  return code === undefined ? error.message : `${code}, ${error.message.replace(`${code}: `, '')}`;
}

function makeDirectory(directory: string): void {
  try {
    if (statSync(directory).isDirectory()) return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new StoreError(`store.directory ${directory} cannot be reached: ${reasonOf(error)}.`);
    }
    try {
      makeDirectories(directory);
      return;
    } catch (failure) {
      throw new StoreError(
        `store.directory ${directory} cannot be made: ${reasonOf(failure)}. ` +
          'Name a directory that can be written.',
      );
    }
  }
  throw new StoreError(`store.directory ${directory} is not a directory. Nothing was changed.`);
}

/** Only the server's user may read or change its history. */
const OWNER_ONLY = 0o700;

/** Not with `recursive`, which never returns below /proc on Node 20. */
function makeDirectories(directory: string): void {
  const parent = dirname(directory);
  if (!existsSync(parent)) makeDirectories(parent);
  mkdirSync(directory, { mode: OWNER_ONLY });
  syncDirectory(parent);
}

/** Whether a start that was interrupted before it wrote the marker left this file. */
function isOurs(name: string): boolean {
  return name === `${MARKER_FILE}.tmp` || name.startsWith(LOCK_FILE);
}

function isFormat(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1;
}

function readMarker(directory: string): Marker {
  const path = join(directory, MARKER_FILE);
  let marker: unknown;
  try {
    marker = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new StoreError(
      `${path} cannot be read: ${reasonOf(error)}. Nothing was changed. ` +
        'Restore the directory from a backup, or name another.',
    );
  }
  const { format, created, isReady } = (marker ?? {}) as Partial<Record<keyof Marker, unknown>>;
  if (typeof format === 'number' && format > FORMAT) {
    throw new StoreError(
      `${path} says that the store is of format ${format}; ` +
        `this program knows formats up to ${FORMAT}. Nothing was changed. ` +
        'Use a newer Tickwire, or name another directory.',
    );
  }
  if (!isFormat(format) || typeof created !== 'string' || typeof isReady !== 'boolean') {
    throw new StoreError(
      `${path} is not the marker of a Tickwire store. Nothing was changed. ` +
        'Name an empty or new directory.',
    );
  }
  return { format, created, isReady };
}
