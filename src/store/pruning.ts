import {
  type Databases,
  decodeArrivalTime,
  decodeSymbolRow,
  encodeArrivalTime,
  encodeSymbolRow,
  type OwnedDatabases,
  ordinalKey,
  ordinalOfKey,
  ordinalOfRecord,
  recordKey,
  SEQUENCE_MAX,
  type SymbolRow,
  sequenceOfKey,
  symbolKey,
  symbolOfKey,
  timeKey,
  timeOfRecord,
  transact,
} from './databases.ts';
import type { RetentionLimits, SweepLimits, Swept } from './store.ts';

/** Records removed in one transaction: a batch that arrives meanwhile waits some ms for it. */
const SLICE = 500;
/** A sweep that would remove a greater share by age is held back unless it may. */
const SHARE_MAX = 0.1;
/** Sorts behind all ordinals. */
const ORDINAL_END = Buffer.alloc(7, 0xff);

/**
 * Removes the records beyond the limits, a slice at each step; yields what each removed. A symbol
 * that loses all its records keeps its last sequence.
 */
export function* sweepSlices(
  databases: OwnedDatabases,
  { ageMs, perSymbol }: RetentionLimits,
  { now, mayRemoveMost }: SweepLimits,
): Generator<Swept> {
  if (now !== undefined) {
    recordArrivals(databases, now);
    const { end, heldBack } = endOfAge(databases, ageMs > 0 ? now - ageMs : 0, mayRemoveMost);
    yield { age: 0, perSymbol: 0, heldBack };
    yield* removeBefore(databases, end);
  }
  if (perSymbol > 0) yield* removeBeyond(databases, perSymbol);
}

/** Notes that every record without an arrival time arrived by now. */
function recordArrivals(databases: OwnedDatabases, now: number): void {
  const { arrivals, arrivalTimes } = databases;
  const newest = endKey(arrivals, true);
  if (newest === undefined) return;
  const noted = endKey(arrivalTimes, true);
  if (noted !== undefined && ordinalOfKey(noted) >= ordinalOfKey(newest)) return;
  transact(databases, { count: 1, bytes: 16 }, () => {
    arrivalTimes.putSync(newest, encodeArrivalTime(now));
  });
}

/** The first key, or the last one. */
function endKey(database: Databases['arrivals'], reverse: boolean): Buffer | undefined {
  const range = reverse ? { start: ORDINAL_END, reverse, limit: 1 } : { limit: 1 };
  for (const key of database.getKeys(range)) return Buffer.from(key);
  return undefined;
}

/**
 * The ordinal before which all records arrived before `time`. An arrival recorded by a clock that
 * was ahead keeps those behind it, too: they go later, never too early.
 */
function endOfAge(
  { arrivals, arrivalTimes }: Databases,
  time: number,
  mayRemoveMost: boolean,
): { end: number; heldBack: number } {
  let end = 0;
  for (const { key, value } of arrivalTimes.getRange({})) {
    if (decodeArrivalTime(value) >= time) break;
    end = ordinalOfKey(key) + 1;
  }
  const oldest = endKey(arrivals, false);
  const newest = endKey(arrivals, true);
  if (end === 0 || oldest === undefined || newest === undefined) return { end, heldBack: 0 };
  const first = ordinalOfKey(oldest);
  // By ordinals, which counts those removed by number as well.
  const removed = Math.max(0, end - first);
  const isMost = removed > SHARE_MAX * (ordinalOfKey(newest) + 1 - first);
  return isMost && !mayRemoveMost ? { end: 0, heldBack: removed } : { end, heldBack: 0 };
}

function* removeBefore(databases: OwnedDatabases, end: number): Generator<Swept> {
  const { arrivals, arrivalTimes } = databases;
  if (end === 0) return;
  for (;;) {
    const range = arrivals.getRange({ end: ordinalKey(end), limit: SLICE });
    const keys = Array.from(range, ({ value }) => Buffer.from(value));
    if (keys.length === 0) break;
    yield { age: removeSlice(databases, keys), perSymbol: 0, heldBack: 0 };
  }
  for (;;) {
    const keys = Array.from(arrivalTimes.getKeys({ end: ordinalKey(end), limit: SLICE }), (key) =>
      Buffer.from(key),
    );
    if (keys.length === 0) return;
    transact(databases, { count: keys.length, bytes: 0 }, () => {
      for (const key of keys) arrivalTimes.removeSync(key);
    });
  }
}

function* removeBeyond(databases: OwnedDatabases, perSymbol: number): Generator<Swept> {
  let after: Buffer | undefined;
  for (;;) {
    const slice = keysBeyond(databases, perSymbol, after);
    const removed = slice.keys.length > 0 ? removeSlice(databases, slice.keys) : 0;
    yield { age: 0, perSymbol: removed, heldBack: 0 };
    if (slice.next === undefined) return;
    after = slice.next;
  }
}

/**
 * The next keys to remove from symbols with too many records, beginning at symbol `from`.
 *
 * @returns next: the symbol to continue with; undefined after the last
 */
function keysBeyond(
  { symbols, records }: Databases,
  perSymbol: number,
  from: Buffer | undefined,
): { keys: Buffer[]; next: Buffer | undefined } {
  const keys: Buffer[] = [];
  let looked = 0;
  const rows = symbols.getRange(from === undefined ? {} : { start: from });
  for (const { key, value } of rows) {
    if (keys.length >= SLICE || looked++ >= SLICE) return { keys, next: Buffer.from(key) };
    const { first, last } = decodeSymbolRow(value);
    if (last - perSymbol + 1 <= first) continue;
    const symbol = key.toString('utf8');
    const range = {
      start: recordKey(symbol, 0),
      end: recordKey(symbol, last - perSymbol + 1),
      limit: SLICE - keys.length,
    };
    for (const beyond of records.getKeys(range)) keys.push(Buffer.from(beyond));
    if (keys.length >= SLICE) return { keys, next: Buffer.from(key) };
  }
  return { keys, next: undefined };
}

function removeSlice(databases: OwnedDatabases, keys: readonly Buffer[]): number {
  let count = 0;
  transact(databases, { count: keys.length, bytes: 0 }, () => {
    count = 0;
    const changed = new Set<string>();
    for (const key of keys) {
      if (remove(databases, key)) count++;
      changed.add(symbolOfKey(key));
    }
    for (const symbol of changed) updateFirst(databases, symbol);
  });
  return count;
}

/** Removes a record; false if there is none. */
function remove({ records, times, arrivals }: Databases, key: Buffer): boolean {
  const record = records.getBinary(key);
  if (record === undefined) return false;
  times.removeSync(timeKey(timeOfRecord(record), key));
  arrivals.removeSync(ordinalKey(ordinalOfRecord(record)));
  records.removeSync(key);
  return true;
}

function updateFirst(databases: Databases, symbol: string): void {
  const key = symbolKey(symbol);
  const bytes = databases.symbols.getBinary(key);
  if (bytes === undefined) return;
  const { last } = decodeSymbolRow(bytes);
  const first = firstStored(databases, symbol, 0) ?? last + 1;
  databases.symbols.putSync(key, encodeSymbolRow({ first, last }));
}

function firstStored({ records }: Databases, symbol: string, from: number): number | undefined {
  const range = {
    start: recordKey(symbol, from),
    end: recordKey(symbol, SEQUENCE_MAX),
    limit: 1,
  };
  for (const held of records.getKeys(range)) return sequenceOfKey(held);
  return undefined;
}

/** Records by which a symbol exceeds its limit before {@link trim} removes them together. */
export const TRIM_MAX = 64;

function trimFrom(perSymbol: number): number {
  return Math.min(TRIM_MAX, Math.max(1, perSymbol >> 3));
}

/**
 * Removes a symbol's oldest records beyond its limit, at most `limit`, in the transaction that
 * adds new ones, so that removing keeps up with writing.
 *
 * @returns the row that is left, and how many were removed
 */
export function trim(
  databases: Databases,
  symbol: string,
  row: SymbolRow,
  { perSymbol, limit }: { readonly perSymbol: number; readonly limit: number },
): { row: SymbolRow; removed: number } {
  const end = row.last - perSymbol + 1;
  if (limit <= 0 || end - row.first < trimFrom(perSymbol)) return { row, removed: 0 };
  const range = {
    start: recordKey(symbol, row.first),
    end: recordKey(symbol, end),
    limit,
  };
  const keys = Array.from(databases.records.getKeys(range), (key) => Buffer.from(key));
  let removed = 0;
  for (const key of keys) if (remove(databases, key)) removed++;
  const newest = keys.at(-1);
  const from = newest === undefined ? end : sequenceOfKey(newest) + 1;
  const first = firstStored(databases, symbol, from) ?? row.last + 1;
  return { row: { first, last: row.last }, removed };
}
