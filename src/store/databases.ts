/*
 * Five databases in one LMDB environment. Numbers in keys are big-endian, so bytes sort as they do.
 *
 *   anomalies      symbol · 0x00 · sequence u48              → record (40 bytes)
 *   times          time f64 · symbol · 0x00 · sequence u48   → nothing
 *   arrivals       ordinal u48                               → key in anomalies
 *   arrivalTimes   ordinal u48                               → ms since the epoch, f64
 *   symbols        symbol                                    → version u8 · first u48 · last u48
 *
 * Ordinals number anomalies in the order in which they arrived. An entry of `arrivalTimes` says
 * that its anomaly, and those between it and the entry before, arrived by then. Stores of earlier
 * versions have none; nor have the newest anomalies, until the clock is trusted.
 *
 *   record      0         1           2       8 (f64, little-endian)   16      24              32
 *               version   direction   ordinal reference                price   change percent  time
 *
 * A time is never negative, so the bytes of the double sort as the number does.
 */

import { type Database, open, type RootDatabase } from 'lmdb';
import type { Anomaly } from '../engine/index.ts';
import { type Claim, checkClaim } from './lock/claim.ts';

export const DATABASE_FILE = 'data.mdb';
/** Suffix of LMDB's lock file, which is beside the database. */
export const LOCK_SUFFIX = '-lock';

/** Address space, not memory or disk; so large that the map hardly ever moves while it is read. */
const MAP_BYTES = 16 * 2 ** 30;

const BINARY = { keyEncoding: 'binary', encoding: 'binary' } as const;

export interface Databases {
  readonly root: RootDatabase<Buffer, Buffer>;
  readonly anomalies: Database<Buffer, Buffer>;
  readonly times: Database<Buffer, Buffer>;
  readonly arrivals: Database<Buffer, Buffer>;
  readonly arrivalTimes: Database<Buffer, Buffer>;
  readonly symbols: Database<Buffer, Buffer>;
}

/** Databases that are written. */
export interface OwnedDatabases extends Databases {
  /** Checked in each transaction: see {@link transact}. */
  readonly claim: Claim;
  /** Taken in each transaction: {@link Reserve}. */
  readonly reserve: { ensure(changes: Changes): void };
}

/** What a transaction puts and removes. */
export interface Changes {
  /** Records. */
  readonly count: number;
  /** Of keys and values that are put. */
  readonly bytes: number;
}

function openRoot(path: string, readOnly: boolean): RootDatabase<Buffer, Buffer> {
  return open<Buffer, Buffer>({
    path,
    noSubdir: true,
    readOnly,
    // A transaction returns when it is on disk, and throws when it is not.
    overlappingSync: false,
    eventTurnBatching: false,
    mapSize: MAP_BYTES,
    maxDbs: 8,
  });
}

function openNamed(
  root: RootDatabase<Buffer, Buffer>,
  name: string,
  create: boolean,
): Database<Buffer, Buffer> | undefined {
  // LMDB's types lack `create`, and do not tell that the result may be undefined.
  const options = { name, ...BINARY, create };
  return root.openDB<Buffer, Buffer>(options);
}

function openEach<R>(
  root: RootDatabase<Buffer, Buffer>,
  create: boolean,
  use: (need: (name: string) => Database<Buffer, Buffer>) => R,
): R {
  try {
    return use((name) => {
      const database = openNamed(root, name, create);
      if (database === undefined) throw new Error(`it has no database '${name}'`);
      return database;
    });
  } catch (error) {
    void root.close();
    throw error;
  }
}

/**
 * Opens an environment. LMDB trusts the file, so it must have been checked (`database-check.ts`).
 *
 * @throws Error from LMDB, or if a database is missing
 */
export function openDatabases(path: string, access: 'read' | 'write'): Databases {
  const root = openRoot(path, access === 'read');
  return openEach(root, access === 'write', (need) => ({
    root,
    anomalies: need('anomalies'),
    times: need('times'),
    arrivals: need('arrivals'),
    arrivalTimes: need('arrivalTimes'),
    symbols: need('symbols'),
  }));
}

/**
 * Opens an environment to check it. May write, but creates no database: stores of earlier versions
 * have no arrival times.
 *
 * @throws Error from LMDB, or if a database is missing
 */
export function openChecked(path: string): {
  readonly root: RootDatabase<Buffer, Buffer>;
  readonly named: ReadonlyMap<string, Database<Buffer, Buffer>>;
} {
  const root = openRoot(path, false);
  return openEach(root, false, (need) => {
    const needed = ['anomalies', 'times', 'arrivals', 'symbols'];
    const named = new Map(needed.map((name) => [name, need(name)]));
    const arrivalTimes = openNamed(root, 'arrivalTimes', false);
    if (arrivalTimes !== undefined) named.set('arrivalTimes', arrivalTimes);
    return { root, named };
  });
}

/**
 * LMDB tells processes apart by their ids. With the id of a process of another container that has
 * the database open, no read would ever begin.
 *
 * @throws Error if there is such a process; to be called before the first read
 */
export function checkTwin({ root }: Databases): void {
  const readers = root.readerList().split('\n');
  if (readers.every((line) => Number.parseInt(line, 10) !== process.pid)) return;
  throw new Error(
    `another process with this one's id, ${process.pid}, still has ${DATABASE_FILE} open, ` +
      'in another container or on another host. Stop that one first',
  );
}

/**
 * Runs a transaction if the disk has room for it, and aborts it if the directory is no longer this
 * server's. The claim is
 * checked last, while LMDB's lock is held: a successor opens the database under the same lock.
 *
 * @throws StoreLostError if the directory is another's
 */
export function transact(
  { root, claim, reserve }: OwnedDatabases,
  changes: Changes,
  work: () => void,
): void {
  root.transactionSync(() => {
    reserve.ensure(changes);
    work();
    checkClaim(claim);
  });
}

const RECORD_VERSION = 1;
export const RECORD_BYTES = 40;
export const SYMBOL_ROW_BYTES = 13;
const U48_BYTES = 6;
export const ORDINAL_BYTES = U48_BYTES;
export const TIME_BYTES = 8;
/** A terminator and a sequence follow the symbol in a key. */
const KEY_TAIL_BYTES = 1 + U48_BYTES;
const SYMBOL_BYTES_MAX = 255 - KEY_TAIL_BYTES;
export const SEQUENCE_MAX = 2 ** 48 - 1;

export function symbolKey(symbol: string): Buffer {
  return Buffer.from(symbol, 'utf8');
}

export function anomalyKey(symbol: string, sequence: number): Buffer {
  const symbolBytes = Buffer.byteLength(symbol, 'utf8');
  const key = Buffer.allocUnsafe(symbolBytes + KEY_TAIL_BYTES);
  key.write(symbol, 0, 'utf8');
  key[symbolBytes] = 0;
  key.writeUIntBE(Math.min(Math.max(sequence, 0), SEQUENCE_MAX), symbolBytes + 1, U48_BYTES);
  return key;
}

export function symbolOfKey(key: Buffer): string {
  return key.toString('utf8', 0, key.length - KEY_TAIL_BYTES);
}

/** The part of an anomaly's key that is its symbol's key. */
export function symbolPart(key: Buffer): Buffer {
  return key.subarray(0, key.length - KEY_TAIL_BYTES);
}

export function sequenceOfKey(key: Buffer): number {
  return key.readUIntBE(key.length - U48_BYTES, U48_BYTES);
}

export function timeKey(time: number, key: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(TIME_BYTES + key.length);
  // The bytes of -0 would sort behind all others.
  bytes.writeDoubleBE(time === 0 ? 0 : time, 0);
  key.copy(bytes, TIME_BYTES);
  return bytes;
}

/** The bound of a range of time keys: at `time`, before every symbol. */
export function timeBound(time: number): Buffer {
  return timeKey(Math.max(time, 0), Buffer.alloc(0));
}

/** The key in anomalies that a time key ends with. */
export function keyOfTimeKey(bytes: Buffer): Buffer {
  return bytes.subarray(TIME_BYTES);
}

export function isAnomalyKey(bytes: Buffer): boolean {
  return bytes.length > KEY_TAIL_BYTES && bytes[bytes.length - KEY_TAIL_BYTES] === 0;
}

export function isTimeKey(bytes: Buffer): boolean {
  return bytes.length > TIME_BYTES && isAnomalyKey(keyOfTimeKey(bytes));
}

export function ordinalKey(ordinal: number): Buffer {
  const key = Buffer.allocUnsafe(U48_BYTES);
  key.writeUIntBE(ordinal, 0, U48_BYTES);
  return key;
}

export function ordinalOfKey(key: Buffer): number {
  return key.readUIntBE(0, U48_BYTES);
}

export function encodeArrivalTime(time: number): Buffer {
  const bytes = Buffer.allocUnsafe(TIME_BYTES);
  bytes.writeDoubleLE(time, 0);
  return bytes;
}

export function decodeArrivalTime(bytes: Buffer): number {
  return bytes.readDoubleLE(0);
}

export function writeRecord(target: Buffer, at: number, anomaly: Anomaly, ordinal: number): void {
  target[at] = RECORD_VERSION;
  target.writeInt8(anomaly.direction, at + 1);
  target.writeUIntBE(ordinal, at + 2, U48_BYTES);
  target.writeDoubleLE(anomaly.reference, at + 8);
  target.writeDoubleLE(anomaly.price, at + 16);
  target.writeDoubleLE(anomaly.changePercent, at + 24);
  target.writeDoubleLE(anomaly.time, at + 32);
}

export function readRecord(symbol: string, sequence: number, record: Buffer): Anomaly {
  checkVersion(record, RECORD_BYTES, 'anomaly');
  return {
    symbol,
    sequence,
    direction: record.readInt8(1) < 0 ? -1 : 1,
    reference: record.readDoubleLE(8),
    price: record.readDoubleLE(16),
    changePercent: record.readDoubleLE(24),
    time: record.readDoubleLE(32),
  };
}

export function ordinalOfRecord(record: Buffer): number {
  return record.readUIntBE(2, U48_BYTES);
}

export function timeOfRecord(record: Buffer): number {
  return record.readDoubleLE(32);
}

/** Range of the sequences stored for a symbol; empty when `first` is `last` + 1. */
export interface SymbolRow {
  readonly first: number;
  readonly last: number;
}

export function encodeSymbolRow({ first, last }: SymbolRow): Buffer {
  const row = Buffer.allocUnsafe(SYMBOL_ROW_BYTES);
  row[0] = RECORD_VERSION;
  row.writeUIntBE(first, 1, U48_BYTES);
  row.writeUIntBE(last, 1 + U48_BYTES, U48_BYTES);
  return row;
}

export function decodeSymbolRow(row: Buffer): SymbolRow {
  checkVersion(row, SYMBOL_ROW_BYTES, 'symbol');
  return { first: row.readUIntBE(1, U48_BYTES), last: row.readUIntBE(1 + U48_BYTES, U48_BYTES) };
}

function checkVersion(record: Buffer, bytes: number, kind: string): void {
  const version = record[0];
  if (version !== RECORD_VERSION) {
    throw new RangeError(
      `a record of kind ${kind} has version ${version}; ` +
        `this program reads version ${RECORD_VERSION}`,
    );
  }
  if (record.length !== bytes) {
    throw new RangeError(`a record of kind ${kind} has ${record.length} bytes instead of ${bytes}`);
  }
}

/** @throws RangeError for an anomaly that cannot be stored, a programming error */
export function checkAnomaly({ symbol, sequence, time, direction }: Anomaly): void {
  const symbolBytes = Buffer.byteLength(symbol, 'utf8');
  if (symbolBytes === 0 || symbolBytes > SYMBOL_BYTES_MAX || symbol.includes('\0')) {
    throw new RangeError(`'${symbol}' cannot be the symbol of a stored anomaly`);
  }
  if (!Number.isSafeInteger(sequence) || sequence < 1 || sequence >= SEQUENCE_MAX) {
    throw new RangeError(`${sequence} cannot be the sequence of a stored anomaly`);
  }
  if (!(time >= 0 && time < Infinity)) {
    throw new RangeError(`${time} cannot be the time of a stored anomaly`);
  }
  if (direction !== 1 && direction !== -1) {
    throw new RangeError(`${String(direction)} cannot be the direction of a stored anomaly`);
  }
}
