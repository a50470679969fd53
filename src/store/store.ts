import type { SnapshotInfo, SnapshotResult, StoredSnapshot } from './snapshot-file.ts';
import type { StoredAnomaly } from './stored-anomaly.ts';

export interface StoreOptions {
  /** Made if it does not exist; nothing else may live in it. */
  readonly directory: string;
  /** `async`: writes are gathered for some ms; `sync`: each turn's are written at once. */
  readonly mode: 'async' | 'sync';
  /** Age in days, by the time of the tick, after which {@link Store.prune} removes; 0: never. */
  readonly retentionDays: number;
  /** How many of a symbol {@link Store.prune} leaves; 0: all. */
  readonly retentionPerSymbol: number;
}

/** Where the store tells what people should know; the methods of a pino logger. */
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
  readonly items: readonly StoredAnomaly[];
  /** What to pass as `after` for the page that follows; undefined at the end. */
  readonly next: string | undefined;
}

/**
 * The anomalies and snapshots on disk. What is not on disk yet is answered from memory, so a reader
 * never sees a difference. No method but `close` waits for the disk on the calling thread.
 *
 * A query whose disk part cannot be read answers from memory alone, and sets {@link fault}.
 */
export interface Store {
  /** Why what is appended is held in memory only, or cannot be read; undefined when all is well. */
  readonly fault: string | undefined;
  /** Anomalies given up since the start because the disk failed for too long. */
  readonly droppedCount: number;
  /** Anomalies that are not on disk yet. */
  readonly waitingCount: number;
  /**
   * Takes an anomaly, which must not change afterwards; durable within 50 ms while the disk keeps up.
   * One whose sequence is not above the symbol's last is known already, and ignored.
   *
   * @throws RangeError for what cannot be a stored anomaly: a programmer's error
   */
  append(anomaly: StoredAnomaly): void;
  /** Settles when all that was appended before is durable (true) or the disk has failed (false). */
  flushed(): Promise<boolean>;
  /** The sequence of a symbol's newest anomaly ever; 0 when it never had one. */
  lastSequence(symbol: string): number;
  /** The oldest sequence of a symbol that is held; one above the last when none is. */
  firstSequence(symbol: string): number;
  /** Up to `limit` anomalies of a symbol with sequences from `sequence` on, oldest first. */
  from(symbol: string, sequence: number, limit: number): readonly StoredAnomaly[];
  /** The last `limit` anomalies of a symbol with sequences below `sequence`, oldest first. */
  before(symbol: string, sequence: number, limit: number): readonly StoredAnomaly[];
  /**
   * A page of the anomalies of all symbols by the time of their ticks, oldest first; within a time
   * by symbol, then by sequence. One that arrives with a time before the page's end is not seen.
   *
   * @throws CursorError for an `after` that this store did not give out
   */
  between(range: TimeRange): AnomalyPage;
  /**
   * The `limit` anomalies that arrived last of the symbols that are wanted, newest first; as far as they are among the last
   * 20 000 of all.
   */
  recent(limit: number, isWanted?: (symbol: string) => boolean): readonly StoredAnomaly[];
  /** Every symbol that ever had an anomaly, with its last sequence. */
  lastSequences(): IterableIterator<[symbol: string, sequence: number]>;
  /**
   * Removes what retention does not keep, on another thread, in slices that writes go between.
   *
   * @param now ms since the epoch
   * @returns how many anomalies were removed
   * @throws StoreError when the disk fails
   */
  prune(now: number): Promise<number>;
  /** Writes a snapshot and, once it is whole on disk, removes all but the last two. One at a time. */
  saveSnapshot(
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    info: SnapshotInfo,
  ): Promise<SnapshotResult>;
  /** The newest snapshot that is whole; undefined when there is none. */
  loadSnapshot(): StoredSnapshot | undefined;
  /** Writes what waits, if the disk lets it, and lets go of the directory. */
  close(): Promise<void>;
}
