/*
 * A batch on its way to the writer's thread: for each anomaly
 *
 *   key length u8 · key in anomalies · record (40 bytes)
 */
import { anomalyKey, RECORD_BYTES, type StoredAnomaly, writeRecord } from './stored-anomaly.ts';

/** A key's length is one byte, so this holds any anomaly. */
const ENTRY_BYTES_MAX = 1 + 255 + RECORD_BYTES;
/** What most anomalies take. */
const ENTRY_BYTES_GUESS = 1 + 24 + RECORD_BYTES;

/** The anomalies as bytes in a buffer of their own, which can be transferred. */
export function encodeBatch(
  anomalies: readonly StoredAnomaly[],
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
export function readBatch(bytes: Buffer, onEntry: (key: Buffer, record: Buffer) => void): void {
  for (let at = 0; at < bytes.length; ) {
    const keyEnd = at + 1 + bytes.readUInt8(at);
    onEntry(bytes.subarray(at + 1, keyEnd), bytes.subarray(keyEnd, keyEnd + RECORD_BYTES));
    at = keyEnd + RECORD_BYTES;
  }
}
