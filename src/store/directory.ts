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
import { LOCK_FILE } from './directory-lock.ts';
import { StoreError } from './store.ts';

const MARKER_FILE = 'tickwire-store.json';
const FORMAT = 1;
/** Below this LMDB could not even lay out its files, and a full disk under its memory map ends the process. */
const FREE_BYTES_MIN = 1 << 20;
/** What the system itself puts into the root of a new volume. */
const IGNORED = new Set(['lost+found']);

/** What tells a store's folder from any other. */
export interface Marker {
  readonly format: number;
  /** RFC 3339. */
  readonly created: string;
  /** False until the database in it was laid out: what an interrupted start leaves holds nothing. */
  readonly isReady: boolean;
}

/**
 * Makes the folder if there is none, and looks at what is in it; writes nothing into one that exists.
 *
 * @returns its marker; undefined for an empty folder
 * @throws StoreError when it is something else than a store's folder, or one of another version
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
  const shown = foreign.sort().slice(0, 3).join(', ');
  throw new StoreError(
    `store.directory ${directory} holds files that are not of a Tickwire store (${shown}${foreign.length > 3 ? ', …' : ''}) ` +
      `and no ${MARKER_FILE}. Nothing was changed. Name an empty or new folder.`,
  );
}

/** Writes the marker so that it is there whole or not at all. */
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

/** @throws StoreError when a database could not be laid out for want of space */
export function checkSpace(directory: string): void {
  const { bavail, bsize } = statfsSync(directory);
  const free = bavail * bsize;
  if (free >= FREE_BYTES_MIN) return;
  throw new StoreError(
    `store.directory ${directory} is on a disk with ${free} bytes free; at least ${FREE_BYTES_MIN} are needed to start. ` +
      'Free some, or name another folder.',
  );
}

/** Makes names in the folder durable. */
function syncDirectory(directory: string): void {
  const folder = openSync(directory, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
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
      makeFolders(directory);
      return;
    } catch (failure) {
      throw new StoreError(
        `store.directory ${directory} cannot be made: ${reasonOf(failure)}. Name a folder that can be written.`,
      );
    }
  }
  throw new StoreError(`store.directory ${directory} is not a folder. Nothing was changed.`);
}

/** Nobody but the server's user reads or changes its history. */
const OWNER_ONLY = 0o700;

/** Not by `recursive`: below /proc that never returns on Node 20. */
function makeFolders(directory: string): void {
  const parent = dirname(directory);
  if (!existsSync(parent)) makeFolders(parent);
  mkdirSync(directory, { mode: OWNER_ONLY });
  syncDirectory(parent);
}

/** Left by a start that was interrupted before the marker was there. */
function isOurs(name: string): boolean {
  return name === `${MARKER_FILE}.tmp` || name.startsWith(LOCK_FILE);
}

function readMarker(directory: string): Marker {
  const path = join(directory, MARKER_FILE);
  let marker: unknown;
  try {
    marker = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new StoreError(
      `${path} cannot be read: ${reasonOf(error)}. Nothing was changed. Put back a copy of the folder, or name another.`,
    );
  }
  const { format, created, isReady } = (marker ?? {}) as Partial<Record<keyof Marker, unknown>>;
  if (typeof format === 'number' && format > FORMAT) {
    throw new StoreError(
      `${path} says that the store is of format ${format}; this program knows formats up to ${FORMAT}. ` +
        'Nothing was changed. Use a newer Tickwire, or name another folder.',
    );
  }
  if (format !== FORMAT || typeof created !== 'string' || typeof isReady !== 'boolean') {
    throw new StoreError(
      `${path} is not the marker of a Tickwire store. Nothing was changed. Name an empty or new folder.`,
    );
  }
  return { format, created, isReady };
}
