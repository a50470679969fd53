import type { Anomaly } from '../engine/index.ts';
import { anomalyKey, isTimeKey, timeBound, timeKey } from './databases.ts';
import type { DiskHistory, TimedAnomaly } from './environment.ts';
import { type AnomalyPage, CursorError, type TimeRange } from './store.ts';
import type { WriteBuffer } from './write-buffer.ts';

/** Reads the disk; returns `otherwise` when that fails. */
export type ReadDisk = <T>(read: (disk: DiskHistory) => T, otherwise: T) => T;

/**
 * Queries over the disk and the write buffer, which may overlap. The disk holds nothing newer than
 * the oldest anomaly that it lacks.
 */
export class History {
  readonly #readDisk: ReadDisk;
  readonly #buffer: WriteBuffer;

  constructor(readDisk: ReadDisk, buffer: WriteBuffer) {
    this.#readDisk = readDisk;
    this.#buffer = buffer;
  }

  /** The oldest stored sequence of a symbol; `otherwise` if none. */
  first(symbol: string, otherwise: number): number {
    const row = this.#readDisk((disk) => disk.row(symbol), undefined);
    if (row !== undefined && row.first <= row.last) return row.first;
    return this.#buffer.ofSymbol(symbol)[0]?.sequence ?? otherwise;
  }

  from(symbol: string, sequence: number, limit: number): Anomaly[] {
    const start = Math.max(sequence, 1);
    const anomalies = this.#readDisk((disk) => disk.from(symbol, start, limit), []);
    const next = (anomalies.at(-1)?.sequence ?? start - 1) + 1;
    for (const anomaly of this.#buffer.ofSymbol(symbol)) {
      if (anomalies.length >= limit) break;
      if (anomaly.sequence >= next) anomalies.push(anomaly);
    }
    return anomalies;
  }

  before(symbol: string, sequence: number, limit: number): Anomaly[] {
    const waiting = this.#buffer.ofSymbol(symbol).filter((item) => item.sequence < sequence);
    const newest = limit > 0 ? waiting.slice(-limit) : [];
    const end = newest[0]?.sequence ?? sequence;
    const missing = limit - newest.length;
    if (missing <= 0 || end <= 1) return newest;
    const older = this.#readDisk((disk) => disk.before(symbol, end, missing), []);
    return [...older.reverse(), ...newest];
  }

  between({ from, to, after, limit }: TimeRange): AnomalyPage {
    const start = after === undefined ? timeBound(from) : startAfter(after);
    if (!(to > from) || limit < 1) return { items: [], next: undefined };
    // One extra tells whether another page follows.
    const disk = this.#readDisk((history) => history.between(start, to, limit + 1), []);
    const page = merge(disk, this.#bufferBetween(start, to), limit + 1);
    const items = page.slice(0, limit);
    const last = items.at(-1);
    const isEnd = page.length <= limit || last === undefined;
    return {
      items: items.map(({ anomaly }) => anomaly),
      next: isEnd ? undefined : encodeCursor(last.key),
    };
  }

  recent(limit: number, isWanted: (symbol: string) => boolean = () => true): Anomaly[] {
    const anomalies: Anomaly[] = [];
    for (const batch of this.#buffer.oldest.toReversed()) {
      for (let at = batch.items.length - 1; at >= 0 && anomalies.length < limit; at--) {
        const anomaly = batch.items[at];
        if (anomaly !== undefined && isWanted(anomaly.symbol)) anomalies.push(anomaly);
      }
    }
    const missing = limit - anomalies.length;
    if (missing <= 0) return anomalies;
    const end = this.#buffer.firstOrdinal;
    return anomalies.concat(this.#readDisk((disk) => disk.recent(end, missing, isWanted), []));
  }

  #bufferBetween(start: Buffer, to: number): TimedAnomaly[] {
    const anomalies: TimedAnomaly[] = [];
    for (const { items } of this.#buffer.oldest) {
      for (const anomaly of items) {
        if (anomaly.time >= to) continue;
        const key = timeKey(anomaly.time, anomalyKey(anomaly.symbol, anomaly.sequence));
        if (key.compare(start) >= 0) anomalies.push({ key, anomaly });
      }
    }
    return anomalies.sort((a, b) => a.key.compare(b.key));
  }
}

/** Merges two sorted lists; an anomaly in both comes once. */
function merge(
  left: readonly TimedAnomaly[],
  right: readonly TimedAnomaly[],
  limit: number,
): TimedAnomaly[] {
  const merged: TimedAnomaly[] = [];
  let at = 0;
  let other = 0;
  while (merged.length < limit) {
    const a = left[at];
    const b = right[other];
    if (a === undefined && b === undefined) break;
    const order = a === undefined ? 1 : b === undefined ? -1 : a.key.compare(b.key);
    const next = order <= 0 ? a : b;
    if (order <= 0) at++;
    if (order >= 0) other++;
    if (next !== undefined) merged.push(next);
  }
  return merged;
}

/** A page's cursor is the time key of its last anomaly. */
function encodeCursor(key: Buffer): string {
  return key.toString('base64url');
}

/** The cursor of a page that ends with this anomaly. */
export function cursorAfter({ symbol, sequence, time }: Anomaly): string {
  return encodeCursor(timeKey(time, anomalyKey(symbol, sequence)));
}

/**
 * The key right after the last one of a page.
 *
 * @throws CursorError for a text that is not a cursor
 */
function startAfter(cursor: string): Buffer {
  const key = Buffer.from(cursor, 'base64url');
  if (!isTimeKey(key) || key.length > 300 || encodeCursor(key) !== cursor) {
    throw new CursorError(`'${cursor.slice(0, 64)}' is not a cursor of this store`);
  }
  return Buffer.concat([key, Buffer.alloc(1)]);
}
