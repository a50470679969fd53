import type { RaisedRecord } from '../protocol/index.ts';
import type { CallOptions } from '../threads/call-queue.ts';
import {
  isTimeKey,
  keyOfTimeKey,
  recordKey,
  sequenceOfKey,
  symbolOfKey,
  timeBound,
  timeKey,
} from './databases.ts';
import { type NameFilter, nameMatcher, recordMatcher } from './name-filter.ts';
import type { Reader } from './reader.ts';
import type { TimeSlice } from './reader-thread.ts';
import { unpackArrived, unpackRecords } from './record-columns.ts';
import {
  type Arrived,
  CursorError,
  type IsWanted,
  type SymbolPage,
  type SymbolRange,
  type TimePage,
  type TimeRange,
} from './store.ts';
import type { StoredKind } from './stored-kinds.ts';
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

/** Records of the write buffer examined for the newest ones. */
const RECENT_SEARCHED_MAX = 20_000;

/**
 * Queries for records of a kind over the disk and the write buffer, which may overlap. The disk
 * holds nothing newer than the oldest record that it lacks.
 *
 * The buffer is looked at first, and what it holds then is kept: a batch may be written, and leave
 * the buffer, while the disk is read. So a record is in one of them, or in both.
 */
export class History<R extends RaisedRecord> {
  readonly #kind: StoredKind<R>;
  readonly #readDisk: ReadDisk;
  readonly #buffer: WriteBuffer<R>;

  constructor(kind: StoredKind<R>, readDisk: ReadDisk, buffer: WriteBuffer<R>) {
    this.#kind = kind;
    this.#readDisk = readDisk;
    this.#buffer = buffer;
  }

  /** @param otherwise the oldest sequence where none is stored */
  async page(range: SymbolRange, otherwise: number, isWanted?: IsWanted): Promise<SymbolPage<R>> {
    const { symbol, from, limit } = range;
    const kind = this.#kind.name;
    const waiting = this.#buffer.ofSymbol(symbol);
    const start = Math.max(from, 1);
    const { first, items } = await this.#readDisk(
      async (call) => {
        const page = await call('page', { kind, range: { symbol, from: start, limit } });
        return { first: page.first, items: unpackRecords(this.#kind, page.records) };
      },
      { first: undefined, items: [] as R[] },
      { isWanted },
    );
    appendWaiting(items, waiting, start, limit);
    return { first: first ?? waiting[0]?.[0]?.sequence ?? otherwise, items };
  }

  async ranges(ranges: readonly SymbolRange[]): Promise<readonly (readonly R[])[]> {
    const waiting = ranges.map(({ symbol }) => this.#buffer.ofSymbol(symbol));
    const stored = await this.#readDisk(
      async (call) =>
        unpackRecords(this.#kind, await call('ranges', { kind: this.#kind.name, ranges })),
      [],
      { isFirst: true },
    );
    let at = 0;
    return ranges.map(({ symbol, from, limit }, index) => {
      const items: R[] = [];
      // One range after the other; two of one symbol do not overlap.
      while (stored[at]?.symbol === symbol && items.length < limit) {
        items.push(stored[at++] as R);
      }
      appendWaiting(items, waiting[index] ?? [], from, limit);
      return items;
    });
  }

  /** Sorts what waits a batch at a time: no step takes long, however much it is. */
  async between(range: TimeRange, filter: NameFilter, isWanted?: IsWanted): Promise<TimePage<R>> {
    const { from, to, limit } = range;
    const { key, position } = startOf(range);
    if (!(to > from) || limit < 1) return { items: [], next: undefined };
    const batches = [...this.#buffer.oldest];
    // One extra tells whether another page follows.
    const slice = { start: key, to, limit: limit + 1, filter };
    const lists: (readonly R[])[] = [await this.#storedBetween(slice, isWanted)];
    const matches = matcherOf(filter);
    for (const batch of batches) lists.push(await wantedOf(batch, matches));
    const merged = mergeByTime(lists, position, limit + 1);
    const page = merged.filter(({ time }) => time < to);
    const items = page.slice(0, limit);
    const last = items.at(-1);
    const isEnd = page.length <= limit || last === undefined;
    return { items, next: isEnd ? undefined : cursorAfter(last) };
  }

  /** In slices: between two of them the reader serves others. */
  async #storedBetween(slice: TimeSlice, isWanted?: IsWanted): Promise<R[]> {
    const items: R[] = [];
    let start: Uint8Array | undefined = slice.start;
    while (start !== undefined && items.length < slice.limit) {
      const rest: TimeSlice = { ...slice, start, limit: slice.limit - items.length };
      const found: { records: R[]; next: Uint8Array | undefined } = await this.#readDisk(
        async (call) => {
          const { records, next } = await call('between', { kind: this.#kind.name, slice: rest });
          return { records: unpackRecords(this.#kind, records), next };
        },
        { records: [], next: undefined },
        { isWanted },
      );
      for (const record of found.records) items.push(record);
      start = found.next;
    }
    return items;
  }

  async recent(limit: number, filter: NameFilter, isWanted?: IsWanted): Promise<readonly R[]> {
    const kind = this.#kind.name;
    const matches = matcherOf(filter);
    const records: R[] = [];
    const before = this.#buffer.firstOrdinal;
    let left = Math.max(limit, RECENT_SEARCHED_MAX);
    for (const { items } of this.#buffer.oldest.toReversed()) {
      for (let at = items.length - 1; at >= 0 && records.length < limit; at--) {
        if (left-- === 0) return records;
        const record = items[at];
        if (record !== undefined && matches(record)) records.push(record);
      }
    }
    const missing = limit - records.length;
    if (missing <= 0) return records;
    const stored = await this.#readDisk(
      async (call) =>
        unpackRecords(this.#kind, await call('recent', { kind, before, limit: missing, filter })),
      [],
      { isWanted },
    );
    return records.concat(stored);
  }

  async arrivedFrom(ordinal: number, limit: number): Promise<readonly Arrived<R>[]> {
    const kind = this.#kind.name;
    const batches = [...this.#buffer.oldest];
    const arrived = await this.#readDisk(
      async (call) =>
        unpackArrived(this.#kind, await call('arrivedFrom', { kind, ordinal, limit })),
      [],
      { isFirst: true },
    );
    let next = (arrived.at(-1)?.ordinal ?? ordinal - 1) + 1;
    for (const { firstOrdinal, items } of batches) {
      next = Math.max(next, firstOrdinal);
      for (; next < firstOrdinal + items.length && arrived.length < limit; next++) {
        arrived.push({ ordinal: next, record: items[next - firstOrdinal] as R });
      }
    }
    return arrived;
  }
}

/** Appends what follows in the write buffer, oldest first. */
function appendWaiting<R extends RaisedRecord>(
  items: R[],
  lists: readonly (readonly R[])[],
  start: number,
  limit: number,
): void {
  const next = (items.at(-1)?.sequence ?? start - 1) + 1;
  for (const waiting of lists) {
    if ((waiting.at(-1)?.sequence ?? 0) < next) continue;
    for (const record of waiting) {
      if (items.length >= limit) return;
      if (record.sequence >= next) items.push(record);
    }
  }
}

/** A test for what a filter wants. */
function matcherOf(filter: NameFilter): (record: RaisedRecord) => boolean {
  const matchesName = nameMatcher(filter);
  const matches = recordMatcher(filter);
  return (record) => matchesName(record.symbol) && matches(record);
}

/** The wanted records in a batch, by time; the event loop goes on in between. */
async function wantedOf<R extends RaisedRecord>(
  batch: Batch<R>,
  matches: (record: RaisedRecord) => boolean,
): Promise<readonly R[]> {
  const wanted = batch.byTime.filter(matches);
  if (batch.isFull) await new Promise(setImmediate);
  return wanted;
}

/** The cursor of a page that ends with this record: its time key. */
function cursorAfter({ symbol, sequence, time }: RaisedRecord): string {
  return encodeCursor(timeKey(time, recordKey(symbol, sequence)));
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
