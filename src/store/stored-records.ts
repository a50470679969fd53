import type { RaisedRecord } from '../protocol/index.ts';
import type { Environment } from './environment.ts';
import { History, type ReadDisk } from './history.ts';
import { LastSequences } from './last-sequences.ts';
import type { NameFilter } from './name-filter.ts';
import type { HeldByKind } from './reader.ts';
import {
  type Arrived,
  type IsWanted,
  type RecordStore,
  StoreError,
  type StoreLog,
  type StoreOptions,
  type SymbolPage,
  type SymbolRange,
  type TimePage,
  type TimeRange,
  type WriteAhead,
} from './store.ts';
import type { StoredKind } from './stored-kinds.ts';
import { WriteLoop } from './write-behind.ts';
import { WriteBuffer } from './write-buffer.ts';

/** Records held in memory until they are on disk: about 20 MB. */
const WAITING_MAX = 65_536;

/** What the kinds of records of a store share. */
export interface SharedParts {
  readonly options: StoreOptions;
  readonly environment: Environment;
  readonly held: HeldByKind;
  readonly log: StoreLog;
  readonly lineage: string;
  readonly readDisk: ReadDisk;
  /** Replaced in tests. */
  readonly seams: { readonly waitingMax?: number; readonly stalledMs?: number };
}

/** The records of one kind: a buffer in memory, written behind; history on disk. */
export class StoredRecords<R extends RaisedRecord> implements RecordStore<R> {
  readonly lineage: string;
  readonly #kind: StoredKind<R>;
  readonly #waiting: WriteBuffer<R>;
  readonly #history: History<R>;
  readonly #loop: WriteLoop<R>;
  readonly #readDisk: ReadDisk;
  /** Last sequences: of the symbols that had records in this run, and of all others. */
  readonly #last = new Map<string, number>();
  readonly #lastOfOthers = new LastSequences();
  #isClosed = false;

  constructor(kind: StoredKind<R>, parts: SharedParts) {
    const { environment, lineage, log, options, readDisk, seams } = parts;
    const held = parts.held[kind.name];
    this.#kind = kind;
    this.lineage = lineage;
    this.#readDisk = readDisk;
    this.#lastOfOthers.setAll(held.lastSequences);
    this.#waiting = new WriteBuffer(held.nextOrdinal, seams.waitingMax ?? WAITING_MAX);
    this.#history = new History(kind, readDisk, this.#waiting);
    this.#loop = new WriteLoop(kind, options, environment, this.#waiting, log, seams.stalledMs);
  }

  /** Why records are only in memory. */
  get fault(): string | undefined {
    return this.#loop.fault;
  }

  /** Whether a write takes so long that its thread may never answer. */
  get isStalled(): boolean {
    return this.#loop.isStalled;
  }

  get droppedCount(): number {
    return this.#loop.givenUp;
  }

  get waitingCount(): number {
    return this.#waiting.count;
  }

  get space(): number {
    return this.#loop.mayGiveUp ? Number.POSITIVE_INFINITY : this.#waiting.space;
  }

  append(record: R): void {
    this.#kind.check(record);
    if (record.sequence <= this.lastSequence(record.symbol)) return;
    if (this.#isClosed) throw new StoreError('the store is closed');
    this.#last.set(record.symbol, record.sequence);
    if (this.#waiting.space === 0 && this.#loop.mayGiveUp) this.#loop.giveUp();
    this.#waiting.append(record, this.#loop.journal?.position);
    this.#loop.schedule();
  }

  follow(journal: WriteAhead): void {
    this.#loop.journal = journal;
  }

  async flushed(): Promise<boolean> {
    return this.#loop.flushed();
  }

  lastSequence(symbol: string): number {
    return this.#last.get(symbol) ?? this.#lastOfOthers.get(symbol);
  }

  page(range: SymbolRange, isWanted?: IsWanted): Promise<SymbolPage<R>> {
    return this.#history.page(range, this.lastSequence(range.symbol) + 1, isWanted);
  }

  ranges(ranges: readonly SymbolRange[]): Promise<readonly (readonly R[])[]> {
    return this.#history.ranges(ranges);
  }

  between(range: TimeRange, filter: NameFilter, isWanted?: IsWanted): Promise<TimePage<R>> {
    return this.#history.between(range, filter, isWanted);
  }

  get nextOrdinal(): number {
    return this.#waiting.nextOrdinal;
  }

  arrivedFrom(ordinal: number, limit: number): Promise<readonly Arrived<R>[]> {
    return this.#history.arrivedFrom(ordinal, limit);
  }

  recent(limit: number, filter: NameFilter, isWanted?: IsWanted): Promise<readonly R[]> {
    return this.#history.recent(limit, filter, isWanted);
  }

  async lastSequences(ordinal = 0): Promise<Iterable<[symbol: string, sequence: number]>> {
    if (ordinal === 0) return new Map([...this.#lastOfOthers.entries(), ...this.#last]);
    const kind = this.#kind.name;
    return this.#readDisk((call) => call('lastSequences', { kind, ordinal }), new Map());
  }

  forget(symbol: string): void {
    const last = this.#last.get(symbol);
    if (last === undefined) return;
    this.#lastOfOthers.set(symbol, last);
    this.#last.delete(symbol);
  }

  /** Writes the buffer as far as the disk allows. Returns how many records are lost. */
  async end(): Promise<number> {
    this.#isClosed = true;
    return this.#loop.close();
  }
}
