import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import {
  DATA_VERSION,
  FREE_TREE_FLAGS,
  MAGIC,
  META_BYTES,
  type Meta,
  PAGE_HEADER_BYTES,
  PageFlag,
  readTree,
} from './database-layout.ts';
import { DamageError, PageWalk } from './page-walk.ts';

const PAGE_BYTES_MIN = 512;
const PAGE_BYTES_MAX = 65_536;
/** What a process can address. */
const MAP_BYTES_MAX = 2 ** 47;
/** Of larger files only the branch pages are walked: at 1 GB/s the rest would delay the start by seconds. */
const WHOLE_WALK_BYTES_MAX = 2 ** 31;

/**
 * Whether LMDB can open this file without harm: LMDB maps it and follows the page numbers in it, so a
 * damaged one ends the process with SIGSEGV or SIGBUS. Nothing is written.
 *
 * @returns what is wrong with it, for people; undefined when nothing is
 * @throws Error of the system when it cannot be read
 */
export function findDamage(path: string): string | undefined {
  const file = openSync(path, 'r');
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) return 'it is not a file';
    const meta = newestMeta(file, stat.size);
    const walk = new PageWalk(file, stat.size, meta, stat.size <= WHOLE_WALK_BYTES_MAX);
    walk.visit();
    return undefined;
  } catch (error) {
    if (error instanceof DamageError) return error.message;
    throw error;
  } finally {
    closeSync(file);
  }
}

function newestMeta(file: number, fileBytes: number): Meta {
  if (fileBytes === 0) throw new DamageError('it is empty');
  const first = readMeta(file, 0, 0);
  const second = readMeta(file, 1, first.pageBytes);
  if (second.pageBytes !== first.pageBytes) {
    throw new DamageError('its two meta pages differ in the size of a page');
  }
  if (Math.abs(first.txn - second.txn) > 1) {
    throw new DamageError(
      `its two meta pages are of transactions ${first.txn} and ${second.txn}, which are not neighbours`,
    );
  }
  return second.txn > first.txn ? second : first;
}

function readMeta(file: number, page: number, at: number): Meta {
  const bytes = Buffer.alloc(META_BYTES);
  const got = readSync(file, bytes, 0, META_BYTES, at);
  if (got < META_BYTES) throw new DamageError(`it ends inside meta page ${page}`);
  checkMetaHeader(bytes, page);
  const body = PAGE_HEADER_BYTES;
  const pageBytes = bytes.readUInt32LE(body + 24);
  const isPowerOfTwo = (pageBytes & (pageBytes - 1)) === 0;
  if (!isPowerOfTwo || pageBytes < PAGE_BYTES_MIN || pageBytes > PAGE_BYTES_MAX) {
    throw new DamageError(`meta page ${page} says that a page has ${pageBytes} bytes`);
  }
  const mapBytes = Number(bytes.readBigUInt64LE(body + 16));
  const lastPage = Number(bytes.readBigUInt64LE(body + 120));
  const isPlausible =
    bytes.readBigUInt64LE(body + 8) === 0n &&
    bytes.readUInt16LE(body + 28) === FREE_TREE_FLAGS &&
    bytes.readUInt16LE(body + 76) === 0 &&
    mapBytes <= MAP_BYTES_MAX &&
    lastPage >= 1 &&
    (lastPage + 1) * pageBytes <= MAP_BYTES_MAX;
  if (!isPlausible) throw new DamageError(`meta page ${page} holds values that cannot be`);
  return {
    pageBytes,
    free: readTree(bytes, body + 24),
    main: readTree(bytes, body + 72),
    lastPage,
    txn: Number(bytes.readBigUInt64LE(body + 128)),
  };
}

function checkMetaHeader(bytes: Buffer, page: number): void {
  const magic = bytes.readUInt32LE(PAGE_HEADER_BYTES);
  if (magic !== MAGIC) {
    const found = magic.toString(16).padStart(8, '0');
    throw new DamageError(`meta page ${page} begins with ${found} instead of beefc0de`);
  }
  const version = bytes.readUInt32LE(PAGE_HEADER_BYTES + 4);
  if (version !== DATA_VERSION) {
    throw new DamageError(`it is of LMDB's data version ${version}, not ${DATA_VERSION}`);
  }
  const isMeta = (bytes.readUInt16LE(18) & PageFlag.META) !== 0;
  if (!isMeta || bytes.readBigUInt64LE(0) !== BigInt(page)) {
    throw new DamageError(`page ${page} is not marked as a meta page`);
  }
}
