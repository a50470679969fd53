import type { Alert, Anomaly, RaisedRecord } from '../protocol/index.ts';
import type { NameFilter } from './name-filter.ts';
import type {
  SnapshotExtent,
  SnapshotInfo,
  SnapshotResult,
  StoredSnapshot,
} from './snapshot-format.ts';

/** A store cannot be opened or used. The message names the path, the problem and the remedy. */
export class StoreError extends Error {
  override readonly name: string = 'StoreError';
}

/** A page cursor that is not from this store. */
export class CursorError extends Error {
  override readonly name = 'CursorError';
}

export interface StoreOptions {
  /** Created if missing; must not hold anything else. */
  readonly directory: string;
  /** When anomalies are written: `async` gathers them for some ms, `sync` writes when idle next. */
  readonly mode: 'async' | 'sync';
  /** Days from its arrival after which {@link Store.sweep} removes an anomaly; 0: never. */
  readonly retentionDays: number;
  /** Anomalies kept for each symbol; 0: all. Up to 64 more, or an eighth, until a sweep. */
  readonly retentionPerSymbol: number;
  /**
   * Whether the oldest anomalies in a full buffer are given up once the disk has failed for 10 s.
   * Otherwise the store stays full until it works again.
   */
  readonly mayGiveUp?: boolean;
}

/** What a sweep may remove. */
export interface SweepLimits {
  /** Ms since the epoch; undefined while the clock is not trusted: then nothing goes by age. */
  readonly now: number | undefined;
  /** Whether it may remove more than a tenth of all anomalies by age. */
  readonly mayRemoveMost: boolean;
}

/** How long anomalies are kept. */
export interface RetentionLimits {
  /** Age from the arrival at which an anomaly is removed, ms; 0: never. */
  readonly ageMs: number;
  /** Anomalies kept for each symbol; 0: all. */
  readonly perSymbol: number;
}

/** What was removed, by the limit that was exceeded. */
export interface Removed {
  readonly age: number;
  readonly perSymbol: number;
}

/** The outcome of a sweep. */
export interface Swept extends Removed {
  /** Anomalies old enough to go, but too many at once; about. */
  readonly heldBack: number;
}

/** Log for the operator: methods of a pino logger. */
export interface StoreLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * The journal, as the store sees it: nothing is stored before its causes are in there, on disk. So
 * the store never knows more than a replay brings back.
 */
export interface WriteAhead {
  /** End of what was appended. */
  readonly position: number;
  /** Everything before it is on disk. */
  readonly syncedPosition: number;
  /** Why nothing can be written; undefined while all is well. */
  readonly fault: string | undefined;
  /** Resolves when everything before a position is on disk; with false if it never will be. */
  whenSynced(position: number): Promise<boolean>;
}

/** A record and its place in the order of arrival, counted over restarts. */
export interface Arrived<R extends RaisedRecord> {
  readonly record: R;
  readonly ordinal: number;
}

export interface TimeRange {
  /** ms since the epoch, inclusive. */
  readonly from: number;
  /** ms since the epoch, exclusive; Infinity for no end. */
  readonly to: number;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** Records of a symbol: up to `limit` with sequences from `from` on. */
export interface SymbolRange {
  readonly symbol: string;
  readonly from: number;
  readonly limit: number;
}

export interface SymbolPage<R extends RaisedRecord> {
  /** Oldest stored sequence of the symbol; one above the last if none is stored. */
  readonly first: number;
  /** Oldest first. */
  readonly items: readonly R[];
}

/** Whether a query that waits for its turn is still wanted. */
export type IsWanted = () => boolean;

export interface TimePage<R extends RaisedRecord> {
  readonly items: readonly R[];
  /** The `after` of the page that follows; undefined at the end. */
  readonly next: string | undefined;
}

/**
 * Records of one kind on disk: anomalies or alerts. Queries include records that are not on disk
 * yet. No method waits for the disk on the calling thread.
 *
 * A thread reads the disk. An answer has every record that was appended before the call, and maybe
 * later ones. Some hundred queries may wait; more, and those that are no longer wanted, are refused
 * with a CallRefusedError. When the disk cannot be read, queries answer from memory alone and
 * {@link Store.fault} is set.
 */
export interface RecordStore<R extends RaisedRecord> {
  /** Records that are not on disk yet. */
  readonly waitingCount: number;
  /**
   * Records that may be appended now. 0: the disk is behind, so the caller waits. Infinite while
   * records are given up.
   */
  readonly space: number;
  /** Records given up since the start because the disk failed for too long. */
  readonly droppedCount: number;
  /**
   * Appends a record, which must not change afterwards; durable within 50 ms while the disk keeps
   * up. Ignores one whose sequence is not above the symbol's last. Takes it even without
   * {@link space}.
   *
   * @throws RangeError for a record that cannot be stored, a programming error
   */
  append(record: R): void;
  /** Names the numbering of ordinals: that of another store means nothing here. */
  readonly lineage: string;
  /** Up to `limit` records that arrived at an ordinal or after, in their order. Not refused. */
  arrivedFrom(ordinal: number, limit: number): Promise<readonly Arrived<R>[]>;
  /**
   * Resolves to true once everything appended is durable, except what was given up; to false if the
   * disk fails.
   */
  flushed(): Promise<boolean>;
  /** Sequence of a symbol's newest record ever; 0 if it never had one. From memory. */
  lastSequence(symbol: string): number;
  /** A page of a symbol's records. */
  page(range: SymbolRange, isWanted?: IsWanted): Promise<SymbolPage<R>>;
  /** Records of distinct symbols: one list, oldest first, for each range. Not refused. */
  ranges(ranges: readonly SymbolRange[]): Promise<readonly (readonly R[])[]>;
  /**
   * A page of the records of wanted symbols, ordered by their times, then by symbol, then by
   * sequence. Misses one that arrives later with a time before the page's end. Takes the calling
   * thread for some ms at a time, however many wait for the disk.
   *
   * @throws CursorError if `after` is not a cursor of this store
   */
  between(range: TimeRange, filter: NameFilter, isWanted?: IsWanted): Promise<TimePage<R>>;
  /**
   * The last `limit` records of wanted symbols to arrive, newest first. Examines at most the last
   * 20 000 of all symbols on disk.
   */
  recent(limit: number, filter: NameFilter, isWanted?: IsWanted): Promise<readonly R[]>;
  /**
   * The symbols with records on disk that arrived from number `ordinal` on, with their last
   * sequences; for 0, every symbol that ever had one.
   */
  lastSequences(ordinal?: number): Promise<Iterable<[symbol: string, sequence: number]>>;
  /** The number of the next record to arrive. */
  readonly nextOrdinal: number;
  /** A symbol is gone: its last sequence need not be at hand, but is still known. */
  forget(symbol: string): void;
}

/**
 * The anomalies, alerts and snapshots on disk: its own records are the anomalies. No method waits
 * for the disk on the calling thread, except at the start and in `close`.
 */
export interface Store extends RecordStore<Anomaly> {
  readonly alerts: RecordStore<Alert>;
  /** Why records are only in memory, or cannot be read; undefined if all is well. */
  readonly fault: string | undefined;
  /**
   * Resolves when another server has taken the directory over, which ends this one. Nothing is
   * written from then on.
   */
  readonly lost: Promise<StoreError>;
  /** What is appended from now on is written behind the journal's entries of this moment. */
  follow(journal: WriteAhead): void;
  /** Resolves when nothing is being written, or after 2 s: a process must not end amid a write. */
  idle(): Promise<void>;
  /** The lock of the directory: for others that write into it. */
  readonly claim: { readonly path: string; readonly content: string } | undefined;
  /** Somebody who writes into the directory met an error: it may be another server's now. */
  noteFailure(error: unknown): void;
  /** Records that retention removed since the store was opened. */
  readonly removed: Removed;
  /**
   * Applies retention on the writer's thread, in slices with writes in between.
   *
   * @throws StoreError if the disk fails
   */
  sweep(limits: SweepLimits): Promise<Swept>;
  /** Whether this process saved a full snapshot, and its files are still there. */
  readonly hasSnapshotBase: boolean;
  /**
   * Writes a snapshot, one at a time: of all symbols, or of those that changed since the last full
   * one. Once it is on disk, removes those that are no longer needed.
   */
  saveSnapshot(
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    info: SnapshotInfo,
    extent: SnapshotExtent,
  ): Promise<SnapshotResult>;
  /**
   * The newest snapshot that is intact and that `check` takes without throwing; undefined if none.
   * Those passed over are logged, and their files kept.
   *
   * @throws StoreError if `check` throws one: no snapshot is used then
   */
  loadSnapshot(check?: (snapshot: StoredSnapshot) => void): StoredSnapshot | undefined;
  /**
   * The position in the journal from which on the entries are needed to recover from any of the
   * newest snapshots, up to the last one before the newest full one; undefined if none has one.
   */
  readonly recoveryPosition: number | undefined;
  /** Keeps the file of a snapshot for good, under another name. */
  keepSnapshot(number: number): void;
  /**
   * Writes the buffer, if the disk works, and releases the directory. Returns how many records
   * could not be written.
   */
  close(): Promise<number>;
}
