import { setTimeout as delay } from 'node:timers/promises';
import { NO_WIRE_ID, type SymbolTable } from '../../engine/index.ts';
import type { RaisedRecord } from '../../protocol/index.ts';
import {
  type Arrived,
  type NameFilter,
  nameMatcher,
  type RecordStore,
  recordMatcher,
  type SymbolPage,
  type SymbolRange,
} from '../../store/index.ts';
import { GoneRecords } from './gone-records.ts';
import { RecentRecords } from './recent-records.ts';
import type { LoggedKind } from './record-kinds.ts';
import { SentRecord } from './record-message.ts';
import { RecordRecall } from './record-recall.ts';

/** The newest records of all symbols together that are kept in memory. */
const RECENT_MAX = 1000;

/** Records that wait to be sent once they are durable, in `sync` mode: then the log is full. */
const UNSENT_MAX = 131_072;
/** Durable records passed on in one go, in `sync` mode: a few ms. */
const PASSED_MAX = 4096;
/** Time after which `sync` mode asks again whether a failed disk works, ms. */
const RETRY_MS = 100;

/** Ordinal of the records of earlier runs: their order across symbols is not known. */
const EARLIER_RUN = -1;

/** How the engine numbers the records of a symbol. */
export interface Numbering {
  /** Sequence of a symbol's newest record; 0 if it has none. */
  last(symbolId: number): number;
  /** Numbers the records of a new symbol from `last` + 1 on. */
  continueAfter(symbolId: number, last: number): void;
}

/** Passes records on to sessions. */
export interface RecordObserver {
  /** The log holds a new record of a symbol. */
  recordAppended(symbolId: number): void;
  /**
   * Records were added after {@link RecordLog.append} returned: they have become durable, or were
   * recalled.
   */
  recordsAdded(): void;
}

/** Stores records on disk. */
interface RecordDisk<R extends RaisedRecord> {
  /** Receives every record. */
  readonly store: RecordStore<R>;
  /** Whether sessions get a record only once it is durable. */
  readonly isAwaited: boolean;
}

/** What memory has is there at once. */
type MaybeLater<T> = T | Promise<T>;

/** A page of a symbol's records. */
export interface LoggedPage<R extends RaisedRecord> extends SymbolPage<R> {
  /** Sequence of the newest record of the symbol when the page was asked for. */
  readonly last: number;
}

/**
 * All anomalies, or all alerts: recent ones in memory, from which sessions are served, and every
 * one in the store, if there is one. Without a store, history is limited to memory.
 */
export class RecordLog<R extends RaisedRecord> {
  readonly kind: LoggedKind<R>;
  /** Called with each record that sessions may have, in the order of ordinals. */
  onTaken: ((record: R, ordinal: number) => void) | undefined;
  /** Records of a symbol that are kept in memory. */
  readonly perSymbolMax: number;
  readonly #numbering: Numbering;
  readonly #symbols: SymbolTable;
  readonly #disk: RecordDisk<R> | undefined;
  #observer: RecordObserver | undefined;
  readonly #bySymbol = new Map<number, RecentRecords<R>>();
  readonly #gone: GoneRecords<R>;
  /** In the order of ordinals, without a gap. */
  readonly #recent: SentRecord<R>[] = [];
  /** Records on their way to the disk, in `sync` mode. */
  #undurable: SentRecord<R>[] = [];
  #isAwaitingDisk = false;
  #isEnding = false;
  #ordinal = 0;
  /** Ordinal of the next record to be passed on: sessions may have those before it. */
  #taken = 0;
  readonly #recall: RecordRecall<R> | undefined;

  /**
   * Continues each symbol's numbering after its last record in the engine.
   *
   * @param disk undefined: memory only
   * @param keptOnceGone retired symbols whose recent records stay in memory, without a disk
   */
  constructor(
    kind: LoggedKind<R>,
    symbols: SymbolTable,
    numbering: Numbering,
    perSymbolMax: number,
    disk?: RecordDisk<R>,
    keptOnceGone = 0,
  ) {
    this.#gone = new GoneRecords(keptOnceGone);
    this.kind = kind;
    this.perSymbolMax = perSymbolMax;
    this.#numbering = numbering;
    this.#symbols = symbols;
    this.#disk = disk;
    this.#recall =
      disk &&
      new RecordRecall(disk.store, perSymbolMax, this.#recalled, () =>
        this.#observer?.recordsAdded(),
      );
    // Goes on over restarts, so that a client can name the last record that it had.
    this.#ordinal = disk?.store.nextOrdinal ?? 0;
    this.#taken = this.#ordinal;
    for (let symbolId = 0; symbolId < symbols.names.length; symbolId++) {
      const last = numbering.last(symbolId);
      if (last > 0) this.#bySymbol.set(symbolId, this.#continueAfter(symbolId, last));
    }
  }

  /** Sets the one observer. */
  observe(observer: RecordObserver): void {
    this.#observer = observer;
  }

  /** Whether records wait for the disk before sessions get them: to be written, or read. */
  get isWaiting(): boolean {
    return this.#isAwaitingDisk || this.#recall?.isBusy === true;
  }

  /** Records that may be appended now; 0 while the store, or what waits for it, is full. */
  get space(): number {
    if (this.#disk === undefined || this.#isEnding) return Number.POSITIVE_INFINITY;
    const unsent = UNSENT_MAX - this.#undurable.length;
    return Math.max(0, Math.min(this.#disk.store.space, unsent));
  }

  /**
   * No session is left: sends nothing any more, and takes what the queues still raise even if the
   * store is full, so that no worker waits for a disk that fails.
   */
  end(): void {
    this.#isEnding = true;
    this.#undurable = [];
  }

  /** Takes a record from the engine; with a negative id, one of a symbol that is gone. */
  readonly append = (record: R, symbolId: number): void => {
    const wireId = symbolId < 0 ? NO_WIRE_ID : this.#symbols.wireId(symbolId);
    const sent = new SentRecord(this.kind, record, symbolId, wireId, this.#ordinal++);
    const disk = this.#disk;
    disk?.store.append(record);
    if (this.#isEnding) {
      // With a disk it is there, for the next run.
      if (disk === undefined) this.onTaken?.(record, sent.ordinal);
      return;
    }
    if (!disk?.isAwaited) {
      this.#take(sent);
      return;
    }
    this.#undurable.push(sent);
    if (!this.#isAwaitingDisk) void this.#awaitDisk(disk);
  };

  /** Continues the numbering of a symbol that had records before it was retired. */
  symbolAppeared(symbolId: number, name: string): void {
    const held = this.#gone.take(name);
    if (held !== undefined) this.#bySymbol.set(symbolId, held);
    const last = this.#disk?.store.lastSequence(name) ?? 0;
    if (last === 0) return;
    this.#numbering.continueAfter(symbolId, last);
    this.#bySymbol.set(symbolId, this.#continueAfter(symbolId, last));
  }

  /** Drops what memory holds of a retired symbol, all of whose records were passed on. */
  forget(symbolId: number): void {
    const held = this.#bySymbol.get(symbolId);
    if (held !== undefined) this.#gone.keep(held);
    this.#bySymbol.delete(symbolId);
    this.#disk?.store.forget(this.#symbols.name(symbolId));
  }

  /** Resolves once sessions may get all records appended so far. */
  async settled(): Promise<void> {
    const end = this.#ordinal;
    while (this.#taken < end) {
      await this.#disk?.store.flushed();
      await new Promise(setImmediate);
    }
  }

  /** Sequence of a symbol's newest record; 0 if it has none. */
  last(symbolId: number): number {
    return this.#bySymbol.get(symbolId)?.last ?? 0;
  }

  /** The same of a symbol that may be gone, by name. */
  lastOf(symbolId: number, name: string): number {
    if (symbolId >= 0) return this.last(symbolId);
    return this.#disk?.store.lastSequence(name) ?? this.#gone.get(name)?.last ?? 0;
  }

  /**
   * The records of a symbol in memory from sequence `from` on, oldest first, to be sent.
   * Undefined while older ones are recalled from the store: the observer is called once they are
   * there.
   */
  toSend(symbolId: number, from: number): readonly SentRecord<R>[] | undefined {
    const held = this.#bySymbol.get(symbolId);
    if (held === undefined) return [];
    // After a start, memory lacks the records of earlier runs.
    if (from < held.first && this.#recall?.isAwaited(symbolId, held) === true) return undefined;
    const records: SentRecord<R>[] = [];
    for (let sequence = Math.max(from, held.first); sequence <= held.last; sequence++) {
      records.push(this.#sent(symbolId, held, sequence));
    }
    return records;
  }

  /**
   * A page of the records of a symbol, which may be gone, as sessions may have them when it is
   * asked for. At once if memory has all of it.
   *
   * @throws CallRefusedError if too many wait for the store, or it is no longer wanted
   */
  page(symbolId: number, range: SymbolRange, isWanted: () => boolean): MaybeLater<LoggedPage<R>> {
    const last = this.lastOf(symbolId, range.symbol);
    const held = this.#heldOf(symbolId, range.symbol);
    const store = this.#disk?.store;
    const isInMemory = held !== undefined && range.from >= held.first;
    if (store === undefined || isInMemory || range.from > last) {
      return { last, first: held?.first ?? last + 1, items: held?.slice(range) ?? [] };
    }
    const oldest = held?.first ?? Number.POSITIVE_INFINITY;
    return store.page(range, isWanted).then(({ first, items }) => ({
      last,
      first: Math.min(first, oldest),
      // The store may be ahead of the sessions.
      items: items.filter(({ sequence }) => sequence <= last),
    }));
  }

  /**
   * The newest records of wanted symbols, newest first; without a store, among the last {@link
   * RECENT_MAX} of all symbols.
   *
   * @throws CallRefusedError if too many wait for the store, or it is no longer wanted
   */
  recent(limit: number, filter: NameFilter, isWanted: () => boolean): MaybeLater<readonly R[]> {
    if (this.#disk !== undefined) return this.#disk.store.recent(limit, filter, isWanted);
    const matchesName = nameMatcher(filter);
    const matches = recordMatcher(filter);
    const newest = this.#recent.slice(-RECENT_MAX).reverse();
    const wanted = newest.filter(({ record }) => matchesName(record.symbol) && matches(record));
    return wanted.slice(0, limit).map(({ record }) => record);
  }

  /**
   * Up to `limit` records of all symbols that sessions may have, from an ordinal on, in their
   * order, if memory has them; undefined if not.
   */
  arrivedInMemory(ordinal: number, limit: number): readonly Arrived<R>[] | undefined {
    const from = ordinal - this.memoryStart;
    return from < 0 ? undefined : this.#recent.slice(from, from + limit);
  }

  /** The same from the store; undefined if they are not held, or their ordinal is of no store. */
  async arrivedFrom(ordinal: number, limit: number): Promise<readonly Arrived<R>[] | undefined> {
    if (this.#disk === undefined || ordinal < 0) return undefined;
    const stored = await this.#disk.store.arrivedFrom(ordinal, limit);
    return stored.filter((each) => each.ordinal < this.#taken);
  }

  /** Ordinal of the oldest record that {@link arrivedInMemory} returns. */
  get memoryStart(): number {
    return this.#recent[0]?.ordinal ?? this.#taken;
  }

  /** Ordinal of the next record that sessions get. */
  get nextOrdinal(): number {
    return this.#taken;
  }

  /** The object that all sessions share, if it still exists: each encoding is then made once. */
  #sent(symbolId: number, held: RecentRecords<R>, sequence: number): SentRecord<R> {
    const ordinal = held.ordinal(sequence);
    const [oldest] = this.#recent;
    const shared = oldest && ordinal >= 0 ? this.#recent[ordinal - oldest.ordinal] : undefined;
    const wireId = this.#symbols.wireId(symbolId);
    // Not what was sent under another id, before the symbol was retired and revived.
    if (shared?.wireId === wireId) return shared;
    return new SentRecord(this.kind, held.get(sequence), symbolId, wireId, ordinal);
  }

  /** Takes the records before those in memory, and passes them on. */
  readonly #recalled = (symbolId: number, held: RecentRecords<R>, older: readonly R[]): void => {
    // Retired since.
    if (this.#bySymbol.get(symbolId) !== held) return;
    if (older.length > 0) {
      const extended = new RecentRecords(this.kind, held.symbol, held.first - older.length - 1);
      extended.recall = 'done';
      for (const record of older) extended.append(record, EARLIER_RUN, this.perSymbolMax);
      for (let sequence = held.first; sequence <= held.last; sequence++) {
        extended.append(held.get(sequence), held.ordinal(sequence), this.perSymbolMax);
      }
      this.#bySymbol.set(symbolId, extended);
    }
    this.#observer?.recordAppended(symbolId);
  };

  #heldOf(symbolId: number, name: string): RecentRecords<R> | undefined {
    return symbolId < 0 ? this.#gone.get(name) : this.#bySymbol.get(symbolId);
  }

  #continueAfter(symbolId: number, last: number): RecentRecords<R> {
    return new RecentRecords(this.kind, this.#symbols.name(symbolId), last);
  }

  #take(sent: SentRecord<R>): void {
    const { record, ordinal, symbolId } = sent;
    let held = this.#heldOf(symbolId, record.symbol);
    if (held === undefined) {
      held = new RecentRecords(this.kind, record.symbol, record.sequence - 1);
      if (symbolId < 0) this.#gone.keep(held);
      else this.#bySymbol.set(symbolId, held);
    }
    held.append(record, ordinal, this.perSymbolMax);
    this.#taken = ordinal + 1;
    this.#recent.push(sent);
    // Cut in strides: a shift a record would move the whole array each time.
    if (this.#recent.length >= 2 * RECENT_MAX) this.#recent.splice(0, RECENT_MAX);
    if (symbolId >= 0) this.#observer?.recordAppended(symbolId);
    this.onTaken?.(record, ordinal);
  }

  /** Passes records on once they are durable. While the disk fails, none is. */
  async #awaitDisk({ store }: RecordDisk<R>): Promise<void> {
    this.#isAwaitingDisk = true;
    while (this.#undurable.length > 0) {
      const count = this.#undurable.length;
      if (await store.flushed()) await this.#pass(count);
      else await delay(RETRY_MS);
    }
    this.#isAwaitingDisk = false;
  }

  /** Passes on the oldest ones, no more at a time than are kept for a symbol. */
  async #pass(count: number): Promise<void> {
    for (let left = count; left > 0 && this.#undurable.length > 0; left -= PASSED_MAX) {
      const passed = this.#undurable.splice(0, Math.min(left, PASSED_MAX));
      for (let from = 0; from < passed.length; from += this.perSymbolMax) {
        for (const sent of passed.slice(from, from + this.perSymbolMax)) this.#take(sent);
        this.#observer?.recordsAdded();
      }
      if (left > PASSED_MAX) await delay(1);
    }
  }
}
