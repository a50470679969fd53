/*
 * A batch on its way to the writer's thread: for each anomaly
 *
 *   key length u8 · key in anomalies · record (40 bytes)
 */
import type { Anomaly } from '../engine/index.ts';
import {
  anomalyKey,
  decodeSymbolRow,
  encodeSymbolRow,
  type OwnedDatabases,
  ordinalKey,
  ordinalOfRecord,
  RECORD_BYTES,
  type SymbolRow,
  sequenceOfKey,
  symbolPart,
  timeKey,
  timeOfRecord,
  transact,
  writeRecord,
} from './databases.ts';
import { TRIM_MAX, trim } from './pruning.ts';

/** A key's length is one byte, so this holds any anomaly. */
const ENTRY_BYTES_MAX = 1 + 255 + RECORD_BYTES;
const ENTRY_BYTES_MIN = 1 + RECORD_BYTES;
/** Enough for most anomalies. */
const ENTRY_BYTES_GUESS = 1 + 24 + RECORD_BYTES;

/** Encodes anomalies into a buffer of their own, which can be transferred. */
export function encodeBatch(
  anomalies: readonly Anomaly[],
  firstOrdinal: number,
): Uint8Array<ArrayBuffer> {
  let bytes = Buffer.from(new ArrayBuffer(anomalies.length * ENTRY_BYTES_GUESS + ENTRY_BYTES_MAX));
  let at = 0;
  let ordinal = firstOrdinal;
  for (const anomaly of anomalies) {
    if (at + ENTRY_BYTES_MAX > bytes.length) bytes = grow(bytes);
    const key = anomalyKey(anomaly.symbol, anomaly.sequence);
    bytes[at] = key.length;
    bytes.set(key, at + 1);
    writeRecord(bytes, at + 1 + key.length, anomaly, ordinal++);
    at += 1 + key.length + RECORD_BYTES;
  }
  return bytes.subarray(0, at);
}

function grow(bytes: Buffer<ArrayBuffer>): Buffer<ArrayBuffer> {
  const grown = Buffer.from(new ArrayBuffer(bytes.length * 2));
  grown.set(bytes);
  return grown;
}

/** Calls back with the key and the record of each anomaly, both views of `bytes`. */
function readBatch(bytes: Buffer, onEntry: (key: Buffer, record: Buffer) => void): void {
  for (let at = 0; at < bytes.length; ) {
    const keyEnd = at + 1 + bytes.readUInt8(at);
    onEntry(bytes.subarray(at + 1, keyEnd), bytes.subarray(keyEnd, keyEnd + RECORD_BYTES));
    at = keyEnd + RECORD_BYTES;
  }
}

const NOTHING = Buffer.alloc(0);

/**
 * Writes a batch in one transaction, which is on disk when this returns. Writing it again changes
 * nothing. Removes anomalies of its symbols beyond `perSymbol` (0: none); returns how many.
 *
 * @throws Error of LMDB when the disk fails; then none of it is written
 */
export function writeBatch(databases: OwnedDatabases, bytes: Buffer, perSymbol: number): number {
  const { anomalies, times, arrivals, symbols } = databases;
  const count = Math.ceil(bytes.length / ENTRY_BYTES_MIN);
  // As many are removed as are added, and some more.
  const removableMax = perSymbol > 0 ? count + TRIM_MAX : 0;
  let removed = 0;
  transact(databases, { count: count + removableMax, bytes: bytes.length }, () => {
    const rows = new Map<string, BatchRow>();
    readBatch(bytes, (key, record) => {
      anomalies.putSync(key, record);
      times.putSync(timeKey(timeOfRecord(record), key), NOTHING);
      arrivals.putSync(ordinalKey(ordinalOfRecord(record)), key);
      const sequence = sequenceOfKey(key);
      const symbol = symbolPart(key);
      const name = symbol.toString('latin1');
      const row = rows.get(name);
      if (row === undefined) {
        rows.set(name, { key: symbol, first: sequence, last: sequence, added: 1 });
        return;
      }
      row.last = Math.max(row.last, sequence);
      row.added++;
    });
    removed = 0;
    for (const { key, first, last, added } of rows.values()) {
      const before = symbols.getBinary(key);
      const row = before === undefined ? undefined : decodeSymbolRow(before);
      const extended = extend(row, first, last);
      const trimmed = trim(databases, key.toString('utf8'), extended, {
        perSymbol,
        limit: Math.min(2 * added + TRIM_MAX, removableMax - removed),
      });
      removed += trimmed.removed;
      symbols.putSync(key, encodeSymbolRow(trimmed.row));
    }
  });
  return removed;
}

/** The anomalies of a symbol in a batch. */
interface BatchRow {
  readonly key: Buffer;
  readonly first: number;
  last: number;
  added: number;
}

function extend(row: SymbolRow | undefined, first: number, last: number): SymbolRow {
  if (row === undefined || row.first > row.last) {
    return { first, last: Math.max(last, row?.last ?? 0) };
  }
  return { first: Math.min(row.first, first), last: Math.max(row.last, last) };
}
