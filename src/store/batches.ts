/*
 * A batch on its way to the writer's thread: for each record
 *
 *   key length u8 · record length u8 · key · record
 */
import type { RaisedRecord } from '../protocol/index.ts';
import {
  decodeSymbolRow,
  encodeSymbolRow,
  type OwnedDatabases,
  ordinalKey,
  ordinalOfRecord,
  recordKey,
  type SymbolRow,
  sequenceOfKey,
  symbolPart,
  timeKey,
  timeOfRecord,
  transact,
} from './databases.ts';
import { TRIM_MAX, trim } from './pruning.ts';
import { ANOMALY_BYTES, RECORD_BYTES_MAX, type StoredKind } from './stored-kinds.ts';

const HEADER_BYTES = 2;
/** A key's length is one byte, too, so this holds any record. */
const ENTRY_BYTES_MAX = HEADER_BYTES + 255 + RECORD_BYTES_MAX;
/** The shortest record is an anomaly's. */
const ENTRY_BYTES_MIN = HEADER_BYTES + ANOMALY_BYTES;
/** Enough for most anomalies. */
const ENTRY_BYTES_GUESS = ENTRY_BYTES_MIN + 24;

/** Encodes records into a buffer of their own, which can be transferred. */
export function encodeBatch<R extends RaisedRecord>(
  kind: StoredKind<R>,
  records: readonly R[],
  firstOrdinal: number,
): Uint8Array<ArrayBuffer> {
  let bytes = Buffer.from(new ArrayBuffer(records.length * ENTRY_BYTES_GUESS + ENTRY_BYTES_MAX));
  let at = 0;
  let ordinal = firstOrdinal;
  for (const record of records) {
    if (at + ENTRY_BYTES_MAX > bytes.length) bytes = grow(bytes);
    const key = recordKey(record.symbol, record.sequence);
    const recordBytes = kind.bytes(record);
    bytes[at] = key.length;
    bytes[at + 1] = recordBytes;
    at += HEADER_BYTES;
    bytes.set(key, at);
    at += key.length;
    kind.write(bytes, at, record, ordinal++);
    at += recordBytes;
  }
  return bytes.subarray(0, at);
}

function grow(bytes: Buffer<ArrayBuffer>): Buffer<ArrayBuffer> {
  const grown = Buffer.from(new ArrayBuffer(bytes.length * 2));
  grown.set(bytes);
  return grown;
}

/** Calls back with the key and the bytes of each record, both views of `bytes`. */
function readBatch(bytes: Buffer, onEntry: (key: Buffer, record: Buffer) => void): void {
  for (let at = 0; at < bytes.length; ) {
    const keyEnd = at + HEADER_BYTES + bytes.readUInt8(at);
    const end = keyEnd + bytes.readUInt8(at + 1);
    onEntry(bytes.subarray(at + HEADER_BYTES, keyEnd), bytes.subarray(keyEnd, end));
    at = end;
  }
}

const NOTHING = Buffer.alloc(0);

/**
 * Writes a batch in one transaction, which is on disk when this returns. Writing it again changes
 * nothing. Removes records of its symbols beyond `perSymbol` (0: none); returns how many.
 *
 * @throws Error of LMDB when the disk fails; then none of it is written
 */
export function writeBatch(databases: OwnedDatabases, bytes: Buffer, perSymbol: number): number {
  const { records, times, arrivals, symbols } = databases;
  const count = Math.ceil(bytes.length / ENTRY_BYTES_MIN);
  // As many are removed as are added, and some more.
  const removableMax = perSymbol > 0 ? count + TRIM_MAX : 0;
  let removed = 0;
  transact(databases, { count: count + removableMax, bytes: bytes.length }, () => {
    const rows = new Map<string, BatchRow>();
    readBatch(bytes, (key, record) => {
      records.putSync(key, record);
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

/** The records of a symbol in a batch. */
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
