import type { Anomaly } from '../engine/index.ts';
import type { SnapshotInfo, SnapshotResult, StoredSnapshot } from './snapshot-format.ts';

/** Why a store cannot be opened or used: which path, what was found there, what to do. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
}

/** A page cursor that this store did not give out. */
export class CursorError extends Error {
  override readonly name = 'CursorError';
}

export interface StoreOptions {
  /** Made if it does not exist; nothing else may live in it. */
  readonly directory: string;
  /** `async`: writes are gathered for some ms; `sync`: written once the current work is done. */
  readonly mode: 'async' | 'sync';
  /** Age in days, by the time of the tick, after which {@link Store.prune} removes; 0: never. */
  readonly retentionDays: number;
  /** How many of a symbol {@link Store.prune} leaves; 0: all. */
  readonly retentionPerSymbol: number;
}

/** Takes what an operator should know; the methods of a pino logger. */
export interface StoreLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
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

export interface AnomalyPage {
  readonly items: readonly Anomaly[];
  /** The `after` of the page that follows; undefined at the end. */
  readonly next: string | undefined;
}

/**
 * The anomalies and snapshots on disk. Queries see anomalies that are not on disk yet, too. No
 * method but `close` waits for the disk on the calling thread.
 *
 * When the disk cannot be read, queries answer from memory alone and {@link fault} is set.
 */
export interface Store {
  /** Why anomalies are kept in memory only, or cannot be read; undefined when all is well. */
  readonly fault: string | undefined;
  /** Anomalies given up since the start because the disk failed for too long. */
  readonly droppedCount: number;
  /** Anomalies that are not on disk yet. */
  readonly waitingCount: number;
  /**
   * Takes an anomaly, which must not change afterwards; durable within 50 ms while the disk keeps
   * up. Ignores one whose sequence is not above the symbol's last.
   *
   * @throws RangeError for what cannot be a stored anomaly: a programmer's error
   */
  append(anomaly: Anomaly): void;
  /** Resolves to true once all that was appended is durable; to false when the disk fails. */
  flushed(): Promise<boolean>;
  /** The sequence of a symbol's newest anomaly ever; 0 when it never had one. */
  lastSequence(symbol: string): number;
  /** The oldest sequence of a symbol that is held; one above the last when none is. */
  firstSequence(symbol: string): number;
  /** Up to `limit` anomalies of a symbol with sequences from `sequence` on, oldest first. */
  from(symbol: string, sequence: number, limit: number): readonly Anomaly[];
  /** The last `limit` anomalies of a symbol with sequences below `sequence`, oldest first. */
  before(symbol: string, sequence: number, limit: number): readonly Anomaly[];
  /**
   * A page of the anomalies of all symbols, ordered by the time of their ticks, then by symbol,
   * then by sequence. Misses one that arrives later with a time before the page's end.
   *
   * @throws CursorError for an `after` that this store did not give out
   */
  between(range: TimeRange): AnomalyPage;
  /**
   * The `limit` anomalies of wanted symbols that arrived last, newest first. Looks at no more than
   * the last 20 000 of all symbols on disk.
   */
  recent(limit: number, isWanted?: (symbol: string) => boolean): readonly Anomaly[];
  /** Every symbol that ever had an anomaly, with its last sequence. */
  lastSequences(): IterableIterator<[symbol: string, sequence: number]>;
  /**
   * Removes what retention does not keep, on another thread, in slices with writes in between.
   *
   * @param now ms since the epoch
   * @returns how many anomalies were removed
   * @throws StoreError when the disk fails
   */
  prune(now: number): Promise<number>;
  /** Writes a snapshot, one at a time; once it is on disk, removes all but the last two. */
  saveSnapshot(
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    info: SnapshotInfo,
  ): Promise<SnapshotResult>;
  /** The newest snapshot that is whole; undefined when there is none. */
  loadSnapshot(): StoredSnapshot | undefined;
  /** Writes what waits, if the disk lets it, and releases the directory. */
  close(): Promise<void>;
}
