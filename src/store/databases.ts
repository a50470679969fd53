/*
 * Two kinds of records, anomalies and alerts, in one LMDB environment: five databases for each.
 * Numbers in keys are big-endian, so bytes sort as they do.
 *
 *   anomalies      alerts             symbol · 0x00 · sequence u48             → record
 *   times          alertTimes         time f64 · symbol · 0x00 · sequence u48  → nothing
 *   arrivals       alertArrivals      ordinal u48                              → key in the first
 *   arrivalTimes   alertArrivalTimes  ordinal u48                              → ms since the epoch
 *   symbols        alertSymbols       symbol                → version u8 · first u48 · last u48
 *
 * Ordinals number the records of a kind in the order in which they arrived. An entry of
 * `arrivalTimes` says that its record, and those between it and the entry before, arrived by then.
 * Stores of earlier versions have none, and nothing of alerts; nor have the newest records arrival
 * times, until the clock is trusted. `stored-kinds.ts` draws the records.
 *
 * A time is never negative, so the bytes of the double sort as the number does.
 */

import { type Database, open, type RootDatabase } from 'lmdb';
import type { RaisedRecord } from '../protocol/index.ts';
import { type Claim, checkClaim } from './lock/claim.ts';

export const DATABASE_FILE = 'data.mdb';
/** Suffix of LMDB's lock file, which is beside the database. */
export const LOCK_SUFFIX = '-lock';

/** Address space, not memory or disk; so large that the map hardly ever moves while it is read. */
const MAP_BYTES = 16 * 2 ** 30;

const BINARY = { keyEncoding: 'binary', encoding: 'binary' } as const;

export const KIND_NAMES = ['anomalies', 'alerts'] as const;
export type KindName = (typeof KIND_NAMES)[number];

/** What the databases of each kind are called. */
const NAMES = {
  anomalies: {
    records: 'anomalies',
    times: 'times',
    arrivals: 'arrivals',
    arrivalTimes: 'arrivalTimes',
    symbols: 'symbols',
  },
  alerts: {
    records: 'alerts',
    times: 'alertTimes',
    arrivals: 'alertArrivals',
    arrivalTimes: 'alertArrivalTimes',
    symbols: 'alertSymbols',
  },
} as const;

/** The databases of one kind of records. */
export interface Databases {
  readonly root: RootDatabase<Buffer, Buffer>;
  readonly records: Database<Buffer, Buffer>;
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
  readonly reserve: { ensure(changes: Changes): void; close(): void };
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
    maxDbs: 16,
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
export function openDatabases(
  path: string,
  access: 'read' | 'write',
): Readonly<Record<KindName, Databases>> {
  const root = openRoot(path, access === 'read');
  return openEach(root, access === 'write', (need) => {
    const ofKind = (kind: KindName): Databases => {
      const names = NAMES[kind];
      return {
        root,
        records: need(names.records),
        times: need(names.times),
        arrivals: need(names.arrivals),
        arrivalTimes: need(names.arrivalTimes),
        symbols: need(names.symbols),
      };
    };
    return { anomalies: ofKind('anomalies'), alerts: ofKind('alerts') };
  });
}

/**
 * Opens an environment to check it. May write, but creates no database: stores of earlier versions
 * have no arrival times, and no alerts.
 *
 * @throws Error from LMDB, or if a database is missing
 */
export function openChecked(path: string): {
  readonly root: RootDatabase<Buffer, Buffer>;
  readonly named: ReadonlyMap<string, Database<Buffer, Buffer>>;
} {
  const root = openRoot(path, false);
  return openEach(root, false, (need) => {
    const { arrivalTimes, ...needed } = NAMES.anomalies;
    const named = new Map<string, Database<Buffer, Buffer>>();
    for (const name of Object.values(needed)) named.set(name, need(name));
    for (const name of [arrivalTimes, ...Object.values(NAMES.alerts)]) {
      const later = openNamed(root, name, false);
      if (later !== undefined) named.set(name, later);
    }
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

export const RECORD_VERSION = 1;
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

export function recordKey(symbol: string, sequence: number): Buffer {
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

/** The part of a record's key that is its symbol's key. */
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

/** The key of the record that a time key ends with. */
export function keyOfTimeKey(bytes: Buffer): Buffer {
  return bytes.subarray(TIME_BYTES);
}

export function isRecordKey(bytes: Buffer): boolean {
  return bytes.length > KEY_TAIL_BYTES && bytes[bytes.length - KEY_TAIL_BYTES] === 0;
}

export function isTimeKey(bytes: Buffer): boolean {
  return bytes.length > TIME_BYTES && isRecordKey(keyOfTimeKey(bytes));
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

export function checkVersion(record: Buffer, bytes: number, kind: string): void {
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

/** @throws RangeError for a record that cannot be stored, a programming error */
export function checkRecord(kind: string, { symbol, sequence, time }: RaisedRecord): void {
  const symbolBytes = Buffer.byteLength(symbol, 'utf8');
  if (symbolBytes === 0 || symbolBytes > SYMBOL_BYTES_MAX || symbol.includes('\0')) {
    throw new RangeError(`'${symbol}' cannot be the symbol of a stored ${kind}`);
  }
  if (!Number.isSafeInteger(sequence) || sequence < 1 || sequence >= SEQUENCE_MAX) {
    throw new RangeError(`${sequence} cannot be the sequence of a stored ${kind}`);
  }
  if (!(time >= 0 && time < Infinity)) {
    throw new RangeError(`${time} cannot be the time of a stored ${kind}`);
  }
}
