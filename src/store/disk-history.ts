import type { RaisedRecord } from '../protocol/index.ts';
import {
  type Databases,
  decodeSymbolRow,
  keyOfTimeKey,
  ordinalKey,
  ordinalOfKey,
  recordKey,
  SEQUENCE_MAX,
  type SymbolRow,
  sequenceOfKey,
  symbolKey,
  symbolOfKey,
  timeBound,
} from './databases.ts';
import { packSequences } from './last-sequences.ts';
import { type Arrived, StoreError } from './store.ts';
import type { StoredKind } from './stored-kinds.ts';

/** Keys examined by one call: about 10 ms. */
const SEARCHED_MAX = 20_000;
/** Which records are wanted: by symbol, which is known before the record is read. */
export interface Wanted {
  readonly isName: (name: string) => boolean;
  readonly isRecord: (record: RaisedRecord) => boolean;
}

const EVERYTHING: Wanted = { isName: () => true, isRecord: () => true };
/** The end of a range of ordinals. */
const ORDINAL_END = Buffer.alloc(7, 0xff);

/** Records in the order of time keys. */
interface TimedRecords<R> {
  readonly records: readonly R[];
  /** Where to go on; undefined at the end of the range. */
  readonly next: Buffer | undefined;
}

/**
 * Reads the records of a kind from the disk, through the memory map, on the calling thread: the
 * reader's.
 */
export class DiskHistory<R extends RaisedRecord> {
  readonly kind: StoredKind<R>;
  readonly #databases: Databases;

  constructor(kind: StoredKind<R>, databases: Databases) {
    this.kind = kind;
    this.#databases = databases;
  }

  /**
   * The last sequences of all symbols.
   *
   * @throws StoreError if the newest record, or a symbol, has an unknown version
   */
  checkedSequences(): Uint8Array<ArrayBuffer> {
    try {
      this.recent(this.nextOrdinal(), 1, EVERYTHING);
      return packSequences(this.#sequences());
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new StoreError(`the store holds records that this program cannot read: ${reason}`);
    }
  }

  *#sequences(): Generator<[symbol: Buffer, sequence: number]> {
    for (const { key, value } of this.#databases.symbols.getRange({})) {
      yield [key, decodeSymbolRow(value).last];
    }
  }

  row(symbol: string): SymbolRow | undefined {
    const bytes = this.#databases.symbols.getBinary(symbolKey(symbol));
    return bytes === undefined ? undefined : decodeSymbolRow(bytes);
  }

  /** Of the symbols with records that arrived from number `ordinal` on. */
  lastSequences(ordinal: number): Map<string, number> {
    const sequences = new Map<string, number>();
    for (const { value } of this.#databases.arrivals.getRange({ start: ordinalKey(ordinal) })) {
      const symbol = symbolOfKey(value);
      if (!sequences.has(symbol)) sequences.set(symbol, this.row(symbol)?.last ?? 0);
    }
    return sequences;
  }

  /** The ordinal of the next record. */
  nextOrdinal(): number {
    const range = { start: ORDINAL_END, reverse: true, limit: 1 };
    for (const key of this.#databases.arrivals.getKeys(range)) return ordinalOfKey(key) + 1;
    return 0;
  }

  from(symbol: string, sequence: number, limit: number): R[] {
    const range = this.#databases.records.getRange({
      start: recordKey(symbol, sequence),
      end: recordKey(symbol, SEQUENCE_MAX),
      limit,
    });
    const records: R[] = [];
    for (const { key, value } of range) {
      records.push(this.kind.read(symbol, sequenceOfKey(key), value));
    }
    return records;
  }

  /**
   * Up to `limit` wanted records from `start` (a time key or the bound of a time) on,
   * with times below `to`. Examines no more than {@link SEARCHED_MAX}, or `limit`.
   */
  between(start: Buffer, to: number, limit: number, wanted: Wanted): TimedRecords<R> {
    const records: R[] = [];
    let left = Math.max(limit, SEARCHED_MAX);
    for (const timed of this.#databases.times.getKeys({ start, end: timeBound(to) })) {
      if (records.length === limit || left-- === 0) return { records, next: Buffer.from(timed) };
      const record = this.#wanted(keyOfTimeKey(timed), wanted);
      if (record !== undefined) records.push(record);
    }
    return { records, next: undefined };
  }

  /**
   * Up to `limit` wanted records that arrived before an ordinal, newest first.
   * Examines no more than {@link SEARCHED_MAX}, or `limit`.
   */
  recent(ordinal: number, limit: number, wanted: Wanted): R[] {
    if (ordinal === 0) return [];
    const range = this.#databases.arrivals.getRange({
      start: ordinalKey(ordinal - 1),
      reverse: true,
      limit: Math.max(limit, SEARCHED_MAX),
    });
    const records: R[] = [];
    for (const { value } of range) {
      const record = this.#wanted(value, wanted);
      if (record !== undefined) records.push(record);
      if (records.length === limit) break;
    }
    return records;
  }

  /** Up to `limit` records that arrived at an ordinal or after, in their order. */
  arrivedFrom(ordinal: number, limit: number): Arrived<R>[] {
    const range = this.#databases.arrivals.getRange({
      start: ordinalKey(ordinal),
      end: ORDINAL_END,
      limit,
    });
    const arrived: Arrived<R>[] = [];
    for (const { key, value } of range) {
      arrived.push({ ordinal: ordinalOfKey(key), record: this.#get(value) });
    }
    return arrived;
  }

  #wanted(key: Buffer, { isName, isRecord }: Wanted): R | undefined {
    if (!isName(symbolOfKey(key))) return undefined;
    const record = this.#get(key);
    return isRecord(record) ? record : undefined;
  }

  #get(key: Buffer): R {
    // LMDB reuses the buffer at the next read: decode at once.
    const record = this.#databases.records.getBinaryFast(key);
    if (record === undefined) throw new RangeError('an index refers to a record that is missing');
    return this.kind.read(symbolOfKey(key), sequenceOfKey(key), record);
  }
}
