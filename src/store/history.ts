import type { Anomaly } from '../engine/index.ts';
import {
  anomalyKey,
  isTimeKey,
  keyOfTimeKey,
  sequenceOfKey,
  symbolOfKey,
  timeBound,
  timeKey,
} from './databases.ts';
import { type DiskHistory, RECENT_SEARCHED_MAX } from './environment.ts';
import { type AnomalyPage, type ArrivedAnomaly, CursorError, type TimeRange } from './store.ts';
import { mergeByTime, type TimePosition } from './time-order.ts';
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
    return this.#buffer.ofSymbol(symbol)[0]?.[0]?.sequence ?? otherwise;
  }

  from(symbol: string, sequence: number, limit: number): Anomaly[] {
    const start = Math.max(sequence, 1);
    const anomalies = this.#readDisk((disk) => disk.from(symbol, start, limit), []);
    const next = (anomalies.at(-1)?.sequence ?? start - 1) + 1;
    for (const waiting of this.#buffer.ofSymbol(symbol)) {
      if ((waiting.at(-1)?.sequence ?? 0) < next) continue;
      for (const anomaly of waiting) {
        if (anomalies.length >= limit) return anomalies;
        if (anomaly.sequence >= next) anomalies.push(anomaly);
      }
    }
    return anomalies;
  }

  before(symbol: string, sequence: number, limit: number): Anomaly[] {
    const newest = this.#waitingBefore(symbol, sequence, limit);
    const end = newest[0]?.sequence ?? sequence;
    const missing = limit - newest.length;
    if (missing <= 0 || end <= 1) return newest;
    const older = this.#readDisk((disk) => disk.before(symbol, end, missing), []);
    return [...older.reverse(), ...newest];
  }

  /** Sorts what waits a batch at a time: no step takes long, however much it is. */
  async between(range: TimeRange): Promise<AnomalyPage> {
    const { from, to, limit } = range;
    const { key, position } = startOf(range);
    if (!(to > from) || limit < 1) return { items: [], next: undefined };
    for (;;) {
      const batch = this.#buffer.oldest.find((each) => each.isFull && !each.isSorted);
      if (batch === undefined) break;
      void batch.byTime;
      await new Promise(setImmediate);
    }
    // One extra tells whether another page follows.
    const disk = this.#readDisk((history) => history.between(key, to, limit + 1), []);
    const waiting = this.#buffer.oldest.map(({ byTime }) => byTime);
    const lists = [disk.map(({ anomaly }) => anomaly), ...waiting];
    const merged = mergeByTime(lists, position, limit + 1);
    const page = merged.filter(({ time }) => time < to);
    const items = page.slice(0, limit);
    const last = items.at(-1);
    const isEnd = page.length <= limit || last === undefined;
    return { items, next: isEnd ? undefined : cursorAfter(last) };
  }

  recent(limit: number, isWanted: (symbol: string) => boolean = () => true): Anomaly[] {
    const anomalies: Anomaly[] = [];
    let left = Math.max(limit, RECENT_SEARCHED_MAX);
    for (const { items } of this.#buffer.oldest.toReversed()) {
      for (let at = items.length - 1; at >= 0 && anomalies.length < limit; at--) {
        if (left-- === 0) return anomalies;
        const anomaly = items[at];
        if (anomaly !== undefined && isWanted(anomaly.symbol)) anomalies.push(anomaly);
      }
    }
    const missing = limit - anomalies.length;
    if (missing <= 0) return anomalies;
    const end = this.#buffer.firstOrdinal;
    return anomalies.concat(this.#readDisk((disk) => disk.recent(end, missing, isWanted), []));
  }

  arrivedFrom(ordinal: number, limit: number): ArrivedAnomaly[] {
    const arrived = this.#readDisk((disk) => disk.arrivedFrom(ordinal, limit), []);
    let next = (arrived.at(-1)?.ordinal ?? ordinal - 1) + 1;
    for (const { firstOrdinal, items } of this.#buffer.oldest) {
      next = Math.max(next, firstOrdinal);
      for (; next < firstOrdinal + items.length && arrived.length < limit; next++) {
        arrived.push({ ordinal: next, anomaly: items[next - firstOrdinal] as Anomaly });
      }
    }
    return arrived;
  }

  /** The last `limit` waiting anomalies of a symbol below a sequence, oldest first. */
  #waitingBefore(symbol: string, sequence: number, limit: number): Anomaly[] {
    const newestFirst: Anomaly[] = [];
    for (const waiting of this.#buffer.ofSymbol(symbol).toReversed()) {
      for (let at = waiting.length - 1; at >= 0; at--) {
        if (newestFirst.length >= limit) return newestFirst.reverse();
        const anomaly = waiting[at];
        if (anomaly !== undefined && anomaly.sequence < sequence) newestFirst.push(anomaly);
      }
    }
    return newestFirst.reverse();
  }
}

/** The cursor of a page that ends with this anomaly: its time key. */
export function cursorAfter({ symbol, sequence, time }: Anomaly): string {
  return encodeCursor(timeKey(time, anomalyKey(symbol, sequence)));
}

function encodeCursor(key: Buffer): string {
  return key.toString('base64url');
}

/** Where a page begins: the key of the disk, and the same as a position. */
interface PageStart {
  readonly key: Buffer;
  readonly position: TimePosition;
}

function startOf({ from, after }: TimeRange): PageStart {
  if (after !== undefined) return startAfter(after);
  return { key: timeBound(from), position: { time: from, symbol: '', sequence: 0 } };
}

/**
 * Right after the last item of a page.
 *
 * @throws CursorError for a text that is not a cursor
 */
function startAfter(cursor: string): PageStart {
  const key = Buffer.from(cursor, 'base64url');
  if (!isTimeKey(key) || key.length > 300 || encodeCursor(key) !== cursor) {
    throw new CursorError(`'${cursor.slice(0, 64)}' is not a cursor of this store`);
  }
  const item = keyOfTimeKey(key);
  const sequence = sequenceOfKey(item) + 1;
  const position = { time: key.readDoubleBE(0), symbol: symbolOfKey(item), sequence };
  return { key: Buffer.concat([key, Buffer.alloc(1)]), position };
}
