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
import type { DirectoryLock } from './lock/directory-lock.ts';
import {
  type ArrivedAnomaly,
  type Removed,
  StoreError,
  type SweepLimits,
  type Swept,
} from './store.ts';
import type { StartWriter, Writer } from './writer.ts';
import type { WriterData } from './writer-thread.ts';

/** Keys examined in a search for recent anomalies: about 10 ms. */
export const RECENT_SEARCHED_MAX = 20_000;
/** An error of the disk itself, in the words of the C library or of Node. */
const DISK_ERROR = new RegExp(
  '^(?:E[A-Z]+: )?(?:no space left on device|file too large|disk quota exceeded' +
    '|i(?:nput)?/o(?:utput)? error|read-only file system)',
  'i',
);
/** The end of a range of ordinals. */
const ORDINAL_END = Buffer.alloc(7, 0xff);

/** An anomaly with its time key. */
export interface TimedAnomaly {
  readonly key: Buffer;
  readonly anomaly: Anomaly;
}

/** Reads the disk through the memory map, on the calling thread. */
export class DiskHistory {
  readonly #databases: Databases;

  constructor(directory: string) {
    this.#databases = openDatabases(join(directory, DATABASE_FILE), 'read');
  }

  /** Makes everything written so far visible. */
  refresh(): void {
    this.#databases.root.resetReadTxn();
  }

  /** @throws StoreError if the newest anomaly, or a symbol, has an unknown version */
  checkVersions(): void {
    try {
      for (const { value } of this.#databases.symbols.getRange({})) decodeSymbolRow(value);
      this.recent(this.nextOrdinal(), 1, () => true);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new StoreError(`the store holds records that this program cannot read: ${reason}`);
    }
  }

  row(symbol: string): SymbolRow | undefined {
    const bytes = this.#databases.symbols.getBinary(symbolKey(symbol));
    return bytes === undefined ? undefined : decodeSymbolRow(bytes);
  }

  /** Of the symbols with anomalies that arrived from number `ordinal` on; 0: of all symbols. */
  lastSequences(ordinal = 0): Map<string, number> {
    const sequences = new Map<string, number>();
    if (ordinal > 0) {
      for (const { value } of this.#databases.arrivals.getRange({ start: ordinalKey(ordinal) })) {
        const symbol = symbolOfKey(value);
        if (!sequences.has(symbol)) sequences.set(symbol, this.row(symbol)?.last ?? 0);
      }
      return sequences;
    }
    for (const { key, value } of this.#databases.symbols.getRange({})) {
      sequences.set(key.toString('utf8'), decodeSymbolRow(value).last);
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

  /** Newest first. */
  before(symbol: string, sequence: number, limit: number): Anomaly[] {
    const range = this.#databases.anomalies.getRange({
      start: anomalyKey(symbol, sequence - 1),
      end: anomalyKey(symbol, 0),
      reverse: true,
      limit,
    });
    const anomalies: Anomaly[] = [];
    for (const { key, value } of range) {
      anomalies.push(readRecord(symbol, sequenceOfKey(key), value));
    }
    return anomalies;
  }

  /** Anomalies from `start` (a time key or the bound of a time), with times below `to`. */
  between(start: Buffer, to: number, limit: number): TimedAnomaly[] {
    const range = this.#databases.times.getKeys({ start, end: timeBound(to), limit });
    const anomalies: TimedAnomaly[] = [];
    for (const key of range) {
      anomalies.push({ key: Buffer.from(key), anomaly: this.#get(keyOfTimeKey(key)) });
    }
    return anomalies;
  }

  /**
   * Up to `limit` anomalies of wanted symbols that arrived before an ordinal, newest first.
   * Examines no more than {@link RECENT_SEARCHED_MAX}, or `limit`.
   */
  recent(ordinal: number, limit: number, isWanted: (symbol: string) => boolean): Anomaly[] {
    if (ordinal === 0) return [];
    const range = this.#databases.arrivals.getRange({
      start: ordinalKey(ordinal - 1),
      reverse: true,
      limit: Math.max(limit, RECENT_SEARCHED_MAX),
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

/** What an environment asks of the lock of its directory. */
type EnvironmentLock = Pick<DirectoryLock, 'claim' | 'check' | 'noteFailure'>;

/** Both ends of the database: the writer thread and the memory map. Reopens both on failure. */
export class Environment {
  readonly #data: Omit<WriterData, 'claim'>;
  readonly #lock: EnvironmentLock;
  readonly #startWriter: StartWriter;
  #writer: Writer;
  #removed: Removed = { age: 0, perSymbol: 0 };
  /** Undefined while the database is reopened, and after it was closed. */
  #disk: DiskHistory | undefined;
  /** LMDB refuses everything until it is closed at both ends. */
  /** Requests that the writer has not answered. */
  readonly #open = new Set<Promise<unknown>>();
  #isPanicked = false;

  private constructor(
    data: Omit<WriterData, 'claim'>,
    lock: EnvironmentLock,
    startWriter: StartWriter,
    writer: Writer,
  ) {
    this.#lock = lock;
    this.#data = data;
    this.#startWriter = startWriter;
    this.#writer = writer;
    this.#disk = new DiskHistory(data.directory);
  }

  static async open(
    data: Omit<WriterData, 'claim'>,
    lock: EnvironmentLock,
    startWriter: StartWriter,
  ): Promise<Environment> {
    const writer = await startWriter({ ...data, claim: lock.claim });
    try {
      return new Environment(data, lock, startWriter, writer);
    } catch (error) {
      await writer.close();
      throw error;
    }
  }

  get disk(): DiskHistory | undefined {
    return this.#disk;
  }

  /** Anomalies removed since the store was opened. */
  get removed(): Removed {
    return this.#removed;
  }

  /**
   * Writes a batch, if one is given, and makes it visible to the reader.
   *
   * @throws StoreError when the disk fails
   */
  async write(batch: Uint8Array<ArrayBuffer> | undefined): Promise<void> {
    const isBroken = !this.#writer.isAlive || this.#disk === undefined || this.#isPanicked;
    if (isBroken) await this.#reopen();
    try {
      if (batch !== undefined) this.#count(await this.#opened(this.#writer.write(batch)));
    } catch (error) {
      this.noteFailure(error);
      throw error;
    }
    this.#disk?.refresh();
  }

  async sweep(limits: SweepLimits): Promise<Swept> {
    try {
      const swept = await this.#opened(this.#writer.sweep(limits));
      this.#count(swept);
      this.#disk?.refresh();
      return swept;
    } catch (error) {
      this.noteFailure(error);
      throw error;
    }
  }

  /**
   * Resolves when the writer thread is in no transaction. A process that ends amid one waits for
   * its thread for ever: LMDB's clean-up takes a mutex that the thread still holds.
   */
  async idle(): Promise<void> {
    while (this.#open.size > 0) await Promise.allSettled(this.#open);
  }

  async #opened<Answer>(request: Promise<Answer>): Promise<Answer> {
    this.#open.add(request);
    try {
      return await request;
    } finally {
      this.#open.delete(request);
    }
  }

  #count({ age, perSymbol }: Removed): void {
    const removed = this.#removed;
    this.#removed = { age: removed.age + age, perSymbol: removed.perSymbol + perSymbol };
  }

  /**
   * Notes an error of either end that only reopening clears: after a failed write of its first
   * pages LMDB refuses every transaction, and says so in several ways. What the disk refuses needs
   * no reopening, which a failing disk may not allow. A lost directory is final.
   */
  noteFailure(error: unknown): void {
    this.#lock.noteFailure(error);
    this.#isPanicked ||= error instanceof Error && !DISK_ERROR.test(error.message);
  }

  async close(): Promise<void> {
    const disk = this.#disk;
    this.#disk = undefined;
    try {
      await disk?.close();
    } finally {
      await this.#writer.close();
    }
  }

  async #reopen(): Promise<void> {
    // Opening the database may write to it.
    await this.#lock.check();
    const disk = this.#disk;
    this.#disk = undefined;
    await disk?.close();
    await this.#writer.terminate();
    this.#writer = await this.#startWriter({ ...this.#data, claim: this.#lock.claim });
    this.#disk = new DiskHistory(this.#data.directory);
    this.#isPanicked = false;
  }
}
