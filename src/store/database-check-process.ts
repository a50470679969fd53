/*
 * Reads a whole database in a process of its own, which damage may end: see database-check.ts.
 *
 *   database-check-process PATH   exits with 0, or prints the damage and exits with EXIT_DAMAGED
 */
import { statSync } from 'node:fs';
import { ABORT, type Database } from 'lmdb';
import { EXIT_DAMAGED, WHOLE_BYTES_MAX } from './database-check.ts';
import {
  isRecordKey,
  isTimeKey,
  ORDINAL_BYTES,
  openChecked,
  SYMBOL_ROW_BYTES,
  TIME_BYTES,
} from './databases.ts';
import { ANOMALY_BYTES } from './stored-kinds.ts';

/** Last records of each database that are examined: about 0.4 s. */
const EXAMINED_MAX = 100_000;
/** One record in this many is rewritten. Pages hold more, so every page is written. */
const WRITE_STRIDE = 8;

/** Sorts behind all keys. */
const KEY_END = Buffer.alloc(8, 0xff);

type Records = Database<Buffer, Buffer>;
type Shape = (key: Buffer, value: Buffer) => boolean;

/** Tests whether a key and its value belong in a database. */
const time: Shape = (key, value) => isTimeKey(key) && value.length === 0;
const arrival: Shape = (key, value) => key.length === ORDINAL_BYTES && isRecordKey(value);
const arrivalTime: Shape = (key, value) =>
  key.length === ORDINAL_BYTES && value.length === TIME_BYTES;
const symbol: Shape = (key, value) => key.length > 0 && value.length === SYMBOL_ROW_BYTES;
const SHAPES: Record<string, Shape> = {
  anomalies: (key, value) => isRecordKey(key) && value.length === ANOMALY_BYTES,
  times: time,
  arrivals: arrival,
  arrivalTimes: arrivalTime,
  symbols: symbol,
  alerts: (key, value) => isRecordKey(key) && value.length > ANOMALY_BYTES,
  alertTimes: time,
  alertArrivals: arrival,
  alertArrivalTimes: arrivalTime,
  alertSymbols: symbol,
};

/**
 * Counts the records, which visits every page, unless the file is large; examines and rewrites the
 * last ones.
 *
 * @throws Error describing the damage
 */
function check(records: Records, name: string, isLarge: boolean): void {
  const { entryCount } = records.getStats() as { entryCount: number };
  const count = isLarge ? entryCount : records.getKeysCount();
  if (count !== entryCount) throw new Error(`'${name}' has ${count} of ${entryCount} records`);
  const written = examine(records, name, count);
  // As retention and appending do, but in a transaction that is aborted.
  records.transactionSync(() => {
    for (const { key } of written) records.removeSync(key);
    for (const { key, value } of written) records.putSync(key, value);
    examine(records, name, count);
    return ABORT;
  });
}

/**
 * Validates the last records. Returns one in {@link WRITE_STRIDE}, from all pages that hold them.
 */
function examine(records: Records, name: string, count: number): { key: Buffer; value: Buffer }[] {
  const some: { key: Buffer; value: Buffer }[] = [];
  const range = { start: KEY_END, reverse: true, limit: EXAMINED_MAX };
  let above: Buffer | undefined;
  let index = 0;
  for (const { key, value } of records.getRange(range)) {
    const isOrdered = above === undefined || key.compare(above) < 0;
    if (!isOrdered || SHAPES[name]?.(key, value) !== true) {
      throw new Error(`'${name}' holds an invalid record`);
    }
    above = Buffer.from(key);
    if (index++ % WRITE_STRIDE === 0) some.push({ key: above, value: Buffer.from(value) });
  }
  if (index !== Math.min(count, EXAMINED_MAX)) throw new Error(`'${name}' ends early`);
  return some;
}

try {
  const path = process.argv.at(-1) ?? '';
  const isLarge = statSync(path).size > WHOLE_BYTES_MAX;
  const { root, named } = openChecked(path);
  for (const [name, records] of named) check(records, name, isLarge);
  await root.close();
} catch (error) {
  process.stdout.write(error instanceof Error ? error.message : String(error));
  process.exitCode = EXIT_DAMAGED;
}
