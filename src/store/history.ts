import type { Anomaly } from '../engine/index.ts';
import type { CallOptions } from '../threads/call-queue.ts';
import { unpackAnomalies, unpackArrived } from './anomaly-columns.ts';
import {
  anomalyKey,
  isTimeKey,
  keyOfTimeKey,
  sequenceOfKey,
  symbolOfKey,
  timeBound,
  timeKey,
} from './databases.ts';
import { type NameFilter, nameMatcher } from './name-filter.ts';
import type { Reader } from './reader.ts';
import type { TimeSlice } from './reader-thread.ts';
import {
  type AnomalyPage,
  type ArrivedAnomaly,
  CursorError,
  type IsWanted,
  type SymbolPage,
  type SymbolRange,
  type TimeRange,
} from './store.ts';
import { mergeByTime, type TimePosition } from './time-order.ts';
import type { Batch, WriteBuffer } from './write-buffer.ts';

/**
 * Reads the disk when its turn comes; returns `otherwise` when that fails.
 *
 * @throws CallRefusedError
 */
export type ReadDisk = <T>(
  read: (call: Reader['call']) => Promise<T>,
  otherwise: T,
  options?: CallOptions,
) => Promise<T>;

/** Anomalies of the write buffer examined for the newest ones. */
const RECENT_SEARCHED_MAX = 20_000;

/**
 * Queries over the disk and the write buffer, which may overlap. The disk holds nothing newer than
 * the oldest anomaly that it lacks.
 *
 * The buffer is looked at first, and what it holds then is kept: a batch may be written, and leave
 * the buffer, while the disk is read. So an anomaly is in one of them, or in both.
 */
export class History {
  readonly #readDisk: ReadDisk;
  readonly #buffer: WriteBuffer;

  constructor(readDisk: ReadDisk, buffer: WriteBuffer) {
    this.#readDisk = readDisk;
    this.#buffer = buffer;
  }

  /** @param otherwise the oldest sequence where none is stored */
  async page(range: SymbolRange, otherwise: number, isWanted?: IsWanted): Promise<SymbolPage> {
    const { symbol, from, limit } = range;
    const waiting = this.#buffer.ofSymbol(symbol);
    const start = Math.max(from, 1);
    const { first, items } = await this.#readDisk(
      async (call) => {
        const page = await call('page', { symbol, from: start, limit });
        return { first: page.first, items: unpackAnomalies(page.anomalies) };
      },
      { first: undefined, items: [] as Anomaly[] },
      { isWanted },
    );
    appendWaiting(items, waiting, start, limit);
    return { first: first ?? waiting[0]?.[0]?.sequence ?? otherwise, items };
  }

  async ranges(ranges: readonly SymbolRange[]): Promise<readonly (readonly Anomaly[])[]> {
    const waiting = ranges.map(({ symbol }) => this.#buffer.ofSymbol(symbol));
    const stored = await this.#readDisk(
      async (call) => unpackAnomalies(await call('ranges', ranges)),
      [],
      { isFirst: true },
    );
    let at = 0;
    return ranges.map(({ symbol, from, limit }, index) => {
      const items: Anomaly[] = [];
      // One range after the other; two of one symbol do not overlap.
      while (stored[at]?.symbol === symbol && items.length < limit) {
        items.push(stored[at++] as Anomaly);
      }
      appendWaiting(items, waiting[index] ?? [], from, limit);
      return items;
    });
  }

  /** Sorts what waits a batch at a time: no step takes long, however much it is. */
  async between(range: TimeRange, filter: NameFilter, isWanted?: IsWanted): Promise<AnomalyPage> {
    const { from, to, limit } = range;
    const { key, position } = startOf(range);
    if (!(to > from) || limit < 1) return { items: [], next: undefined };
    const batches = [...this.#buffer.oldest];
    // One extra tells whether another page follows.
    const slice = { start: key, to, limit: limit + 1, filter };
    const lists: (readonly Anomaly[])[] = [await this.#storedBetween(slice, isWanted)];
    const matches = nameMatcher(filter);
    for (const batch of batches) lists.push(await wantedOf(batch, matches));
    const merged = mergeByTime(lists, position, limit + 1);
    const page = merged.filter(({ time }) => time < to);
    const items = page.slice(0, limit);
    const last = items.at(-1);
    const isEnd = page.length <= limit || last === undefined;
    return { items, next: isEnd ? undefined : cursorAfter(last) };
  }

  /** In slices: between two of them the reader serves others. */
  async #storedBetween(slice: TimeSlice, isWanted?: IsWanted): Promise<Anomaly[]> {
    const items: Anomaly[] = [];
    let start: Uint8Array | undefined = slice.start;
    while (start !== undefined && items.length < slice.limit) {
      const rest: TimeSlice = { ...slice, start, limit: slice.limit - items.length };
      const found: { anomalies: Anomaly[]; next: Uint8Array | undefined } = await this.#readDisk(
        async (call) => {
          const { anomalies, next } = await call('between', rest);
          return { anomalies: unpackAnomalies(anomalies), next };
        },
        { anomalies: [], next: undefined },
        { isWanted },
      );
      for (const anomaly of found.anomalies) items.push(anomaly);
      start = found.next;
    }
    return items;
  }

  async recent(
    limit: number,
    filter: NameFilter,
    isWanted?: IsWanted,
  ): Promise<readonly Anomaly[]> {
    const matches = nameMatcher(filter);
    const anomalies: Anomaly[] = [];
    const before = this.#buffer.firstOrdinal;
    let left = Math.max(limit, RECENT_SEARCHED_MAX);
    for (const { items } of this.#buffer.oldest.toReversed()) {
      for (let at = items.length - 1; at >= 0 && anomalies.length < limit; at--) {
        if (left-- === 0) return anomalies;
        const anomaly = items[at];
        if (anomaly !== undefined && matches(anomaly.symbol)) anomalies.push(anomaly);
      }
    }
    const missing = limit - anomalies.length;
    if (missing <= 0) return anomalies;
    const stored = await this.#readDisk(
      async (call) => unpackAnomalies(await call('recent', { before, limit: missing, filter })),
      [],
      { isWanted },
    );
    return anomalies.concat(stored);
  }

  async arrivedFrom(ordinal: number, limit: number): Promise<readonly ArrivedAnomaly[]> {
    const batches = [...this.#buffer.oldest];
    const arrived = await this.#readDisk(
      async (call) => unpackArrived(await call('arrivedFrom', { ordinal, limit })),
      [],
      { isFirst: true },
    );
    let next = (arrived.at(-1)?.ordinal ?? ordinal - 1) + 1;
    for (const { firstOrdinal, items } of batches) {
      next = Math.max(next, firstOrdinal);
      for (; next < firstOrdinal + items.length && arrived.length < limit; next++) {
        arrived.push({ ordinal: next, anomaly: items[next - firstOrdinal] as Anomaly });
      }
    }
    return arrived;
  }
}

/** Appends what follows in the write buffer, oldest first. */
function appendWaiting(
  items: Anomaly[],
  lists: readonly (readonly Anomaly[])[],
  start: number,
  limit: number,
): void {
  const next = (items.at(-1)?.sequence ?? start - 1) + 1;
  for (const waiting of lists) {
    if ((waiting.at(-1)?.sequence ?? 0) < next) continue;
    for (const anomaly of waiting) {
      if (items.length >= limit) return;
      if (anomaly.sequence >= next) items.push(anomaly);
    }
  }
}

/** The anomalies of wanted symbols in a batch, by time; the event loop goes on in between. */
async function wantedOf(
  batch: Batch,
  matches: (name: string) => boolean,
): Promise<readonly Anomaly[]> {
  const wanted = batch.byTime.filter(({ symbol }) => matches(symbol));
  if (batch.isFull) await new Promise(setImmediate);
  return wanted;
}

/** The cursor of a page that ends with this anomaly: its time key. */
function cursorAfter({ symbol, sequence, time }: Anomaly): string {
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
