import { CursorError } from './store-error.ts';
import { anomalyKey, isTimeKey, type StoredAnomaly, timeKey } from './stored-anomaly.ts';

/** A page's cursor is the key of its last anomaly in the order of times. */
export function encodeCursor(key: Buffer): string {
  return key.toString('base64url');
}

/** The cursor of a page that ends with an anomaly. */
export function cursorAfter({ symbol, sequence, time }: StoredAnomaly): string {
  return encodeCursor(timeKey(time, anomalyKey(symbol, sequence)));
}

/**
 * The key right after the page's last one.
 *
 * @throws CursorError for a text that no page had
 */
export function startAfter(cursor: string): Buffer {
  const key = Buffer.from(cursor, 'base64url');
  if (!isTimeKey(key) || key.length > 300 || encodeCursor(key) !== cursor) {
    throw new CursorError(`'${cursor.slice(0, 64)}' is not a cursor of this store`);
  }
  return Buffer.concat([key, Buffer.alloc(1)]);
}
