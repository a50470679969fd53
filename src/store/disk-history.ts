import { join } from 'node:path';
import type { Anomaly } from '../engine/index.ts';
import {
  anomalyKey,
  DATABASE_FILE,
  type Databases,
  decodeSymbolRow,
  keyOfTimeKey,
  openDatabases,
  ordinalKey,
  ordinalOfKey,
  readRecord,
  SEQUENCE_MAX,
  type SymbolRow,
  sequenceOfKey,
  symbolKey,
  symbolOfKey,
  timeBound,
} from './databases.ts';
import { packSequences } from './last-sequences.ts';
import { type ArrivedAnomaly, StoreError } from './store.ts';

/** Keys examined by one call: about 10 ms. */
const SEARCHED_MAX = 20_000;
/** The end of a range of ordinals. */
const ORDINAL_END = Buffer.alloc(7, 0xff);

/** Anomalies in the order of time keys. */
export interface TimedAnomalies {
  readonly anomalies: readonly Anomaly[];
  /** Where to go on; undefined at the end of the range. */
  readonly next: Buffer | undefined;
}

/** Reads the disk through the memory map, on the calling thread: the reader's. */
export class DiskHistory {
  readonly #databases: Databases;

  constructor(directory: string) {
    this.#databases = openDatabases(join(directory, DATABASE_FILE), 'read');
  }

  /** Makes everything written so far visible. */
  refresh(): void {
    this.#databases.root.resetReadTxn();
  }

  /**
   * The last sequences of all symbols.
   *
   * @throws StoreError if the newest anomaly, or a symbol, has an unknown version
   */
  checkedSequences(): Uint8Array<ArrayBuffer> {
    try {
      this.recent(this.nextOrdinal(), 1, () => true);
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

  /** Of the symbols with anomalies that arrived from number `ordinal` on. */
  lastSequences(ordinal: number): Map<string, number> {
    const sequences = new Map<string, number>();
    for (const { value } of this.#databases.arrivals.getRange({ start: ordinalKey(ordinal) })) {
      const symbol = symbolOfKey(value);
      if (!sequences.has(symbol)) sequences.set(symbol, this.row(symbol)?.last ?? 0);
    }
    return sequences;
  }

  /** The ordinal of the next anomaly. */
  nextOrdinal(): number {
    const range = { start: ORDINAL_END, reverse: true, limit: 1 };
    for (const key of this.#databases.arrivals.getKeys(range)) return ordinalOfKey(key) + 1;
    return 0;
  }

  from(symbol: string, sequence: number, limit: number): Anomaly[] {
    const range = this.#databases.anomalies.getRange({
      start: anomalyKey(symbol, sequence),
      end: anomalyKey(symbol, SEQUENCE_MAX),
      limit,
    });
    const anomalies: Anomaly[] = [];
    for (const { key, value } of range) {
      anomalies.push(readRecord(symbol, sequenceOfKey(key), value));
    }
    return anomalies;
  }

  /**
   * Up to `limit` anomalies of wanted symbols from `start` (a time key or the bound of a time) on,
   * with times below `to`. Examines no more than {@link SEARCHED_MAX}, or `limit`.
   */
  between(
    start: Buffer,
    to: number,
    limit: number,
    isWanted: (symbol: string) => boolean,
  ): TimedAnomalies {
    const anomalies: Anomaly[] = [];
    let left = Math.max(limit, SEARCHED_MAX);
    for (const timed of this.#databases.times.getKeys({ start, end: timeBound(to) })) {
      if (anomalies.length === limit || left-- === 0)
        return { anomalies, next: Buffer.from(timed) };
      const key = keyOfTimeKey(timed);
      if (isWanted(symbolOfKey(key))) anomalies.push(this.#get(key));
    }
    return { anomalies, next: undefined };
  }

  /**
   * Up to `limit` anomalies of wanted symbols that arrived before an ordinal, newest first.
   * Examines no more than {@link SEARCHED_MAX}, or `limit`.
   */
  recent(ordinal: number, limit: number, isWanted: (symbol: string) => boolean): Anomaly[] {
    if (ordinal === 0) return [];
    const range = this.#databases.arrivals.getRange({
      start: ordinalKey(ordinal - 1),
      reverse: true,
      limit: Math.max(limit, SEARCHED_MAX),
    });
    const anomalies: Anomaly[] = [];
    for (const { value } of range) {
      if (isWanted(symbolOfKey(value))) anomalies.push(this.#get(value));
      if (anomalies.length === limit) break;
    }
    return anomalies;
  }

  /** Up to `limit` anomalies that arrived at an ordinal or after, in their order. */
  arrivedFrom(ordinal: number, limit: number): ArrivedAnomaly[] {
    const range = this.#databases.arrivals.getRange({
      start: ordinalKey(ordinal),
      end: ORDINAL_END,
      limit,
    });
    const arrived: ArrivedAnomaly[] = [];
    for (const { key, value } of range) {
      arrived.push({ ordinal: ordinalOfKey(key), anomaly: this.#get(value) });
    }
    return arrived;
  }

  async close(): Promise<void> {
    await this.#databases.root.close();
  }

  #get(key: Buffer): Anomaly {
    // LMDB reuses the buffer at the next read: decode at once.
    const record = this.#databases.anomalies.getBinaryFast(key);
    if (record === undefined) throw new RangeError('an index refers to an anomaly that is missing');
    return readRecord(symbolOfKey(key), sequenceOfKey(key), record);
  }
}
