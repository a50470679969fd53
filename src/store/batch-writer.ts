import { readBatch } from './batch-bytes.ts';
import type { Databases } from './databases.ts';
import {
  decodeSymbolRow,
  encodeSymbolRow,
  ordinalKey,
  ordinalOfRecord,
  type SymbolRow,
  sequenceOfKey,
  symbolPart,
  timeKey,
  timeOfRecord,
} from './stored-anomaly.ts';

const NOTHING = Buffer.alloc(0);

/**
 * Writes a batch in one transaction, which is on disk when this returns. Writing one again changes nothing.
 *
 * @throws Error of LMDB when the disk fails; then nothing of it is written
 */
export function writeBatch(databases: Databases, bytes: Buffer): void {
  const { root, anomalies, times, arrivals, symbols } = databases;
  root.transactionSync(() => {
    const rows = new Map<string, { readonly key: Buffer; first: number; last: number }>();
    readBatch(bytes, (key, record) => {
      anomalies.putSync(key, record);
      times.putSync(timeKey(timeOfRecord(record), key), NOTHING);
      arrivals.putSync(ordinalKey(ordinalOfRecord(record)), key);
      const sequence = sequenceOfKey(key);
      const symbol = symbolPart(key);
      const name = symbol.toString('latin1');
      const row = rows.get(name);
      if (row === undefined) rows.set(name, { key: symbol, first: sequence, last: sequence });
      else row.last = Math.max(row.last, sequence);
    });
    for (const { key, first, last } of rows.values()) {
      const before = symbols.getBinary(key);
      const row = before === undefined ? undefined : decodeSymbolRow(before);
      symbols.putSync(key, encodeSymbolRow(extend(row, first, last)));
    }
  });
}

function extend(row: SymbolRow | undefined, first: number, last: number): SymbolRow {
  if (row === undefined || row.first > row.last) {
    return { first, last: Math.max(last, row?.last ?? 0) };
  }
  return { first: Math.min(row.first, first), last: Math.max(row.last, last) };
}
