import { type EntryMemory, entryChecksum, HEADER_BYTES } from './format.ts';
import { reasonOf } from './journal-error.ts';
import type { RingConsumer } from './journal-ring.ts';
import { type KeptFigures, keptFigures } from './kept.ts';
import { type Retention, removeSegments } from './retention.ts';
import { type SegmentFile, type SegmentFiles, segmentName } from './segment-files.ts';

export interface SegmentWriterOptions {
  readonly segmentBytes: number;
  readonly blockBytes: number;
  /** Longest time from an entry to its sync, ms; 0: each write is synced. */
  readonly syncMs: number;
  readonly retention: Retention;
}

/** Longest time from an entry to its write, ms: what is lost with a process that is killed. */
const WRITE_MS = 10;
/** While the disk fails, time between two tries, ms. */
const RETRY_MS = 1000;
/** Bytes of one write at most. */
const WRITE_BYTES_MAX = 4 * 1024 * 1024;

/** Since the start, and what is on disk; read by the journal's handle. */
export interface WriterFigures extends KeptFigures {
  bytes: number;
  syncs: number;
  /** Total and longest time of a sync, ms. */
  syncMs: number;
  syncMsMax: number;
  failures: number;
}

/** The figures of a writer that has not written. */
export function noFigures(): WriterFigures {
  const kept: KeptFigures = { segments: 0, keptFrom: 0, oldestAt: 0 };
  return { bytes: 0, syncs: 0, syncMs: 0, syncMsMax: 0, failures: 0, ...kept };
}

/**
 * Writes the ring's entries to segment files, and frees them when they are on disk. The thread of
 * the journal calls {@link step}; the simulation does so without a thread.
 *
 * After a failed write or sync the kernel may have dropped any of the bytes that were not synced:
 * the file is cut back to what was, and all since is written again from the ring.
 */
export class SegmentWriter {
  readonly figures = noFigures();
  /** Why the last try failed; undefined if it did not. */
  fault: string | undefined;
  readonly #ring: RingConsumer;
  readonly #memory: EntryMemory;
  readonly #files: SegmentFiles;
  readonly #options: SegmentWriterOptions;
  readonly #checkClaim: () => void;
  /** Everything before it has its checksum, is written, is on disk. */
  #sealed: number;
  #written: number;
  #synced: number;
  #file: SegmentFile | undefined;
  #segmentStart: number;
  /** Whether the file may hold other bytes behind `#written`. */
  #isUncut = false;
  /** When the oldest entry that is not synced was written, ms; when to try again. */
  #unsyncedAt = 0;
  #retryAt = 0;
  /** Recovery needs nothing before it. */
  #neededFrom = 0;

  /** @param checkClaim throws if the directory is no longer this server's */
  constructor(
    ring: RingConsumer,
    files: SegmentFiles,
    options: SegmentWriterOptions,
    checkClaim: () => void = () => undefined,
  ) {
    this.#ring = ring;
    this.#memory = ring.memory;
    this.#files = files;
    this.#options = options;
    this.#checkClaim = checkClaim;
    const { start, synced } = ring;
    const { segmentBytes } = options;
    this.#sealed = this.#written = this.#synced = synced;
    this.#segmentStart = synced - ((synced - start) % segmentBytes);
    // Another thread may have written more before it died.
    this.#isUncut = synced > this.#segmentStart;
  }

  get synced(): number {
    return this.#synced;
  }

  /** Whether everything that was appended is on disk. */
  get isDone(): boolean {
    return this.#synced === this.#ring.tail;
  }

  /** How long the caller may wait before the next step, ms; 0 if something is due. */
  get pauseMs(): number {
    if (this.fault !== undefined) return RETRY_MS;
    return Math.min(WRITE_MS, this.#options.syncMs);
  }

  /**
   * Writes what there is, and syncs it if that is due. A fault is kept, and the next try is a
   * second later.
   *
   * @param now on a monotonic clock, ms
   * @param isUrgent sync, and do not wait after a fault
   * @throws only what `checkClaim` throws for good: see {@link StoreLostError}
   */
  step(now: number, isUrgent = false): void {
    if (this.fault !== undefined && now < this.#retryAt && !isUrgent) return;
    const { tail } = this.#ring;
    if (tail === this.#synced) return;
    try {
      if (this.#written === this.#synced) {
        this.#checkClaim();
        this.#unsyncedAt = now;
      }
      this.#writeTo(tail);
      const unsynced = this.#written - this.#synced;
      const isDue =
        isUrgent ||
        now - this.#unsyncedAt >= this.#options.syncMs - WRITE_MS ||
        unsynced >= this.#ring.ringBytes / 4;
      if (isDue && unsynced > 0) this.#sync();
      this.fault = undefined;
    } catch (error) {
      if (error instanceof Error && error.name === 'StoreLostError') throw error;
      this.figures.failures++;
      this.fault = reasonOf(error);
      this.#retryAt = now + RETRY_MS;
      this.#written = this.#synced;
      this.#isUncut = true;
    }
  }

  /** Recovery needs nothing before this position: removes what retention does not want either. */
  retain(from: number): void {
    this.#neededFrom = Math.max(this.#neededFrom, from);
    this.#removeOld();
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #writeTo(tail: number): void {
    this.#seal(tail);
    const { segmentBytes } = this.#options;
    while (this.#written < tail) {
      if (this.#written === this.#segmentStart + segmentBytes) this.#endSegment();
      const file = this.#openFile();
      const offset = this.#ring.offsetOf(this.#written);
      const length = Math.min(
        tail - this.#written,
        this.#segmentStart + segmentBytes - this.#written,
        this.#ring.ringBytes - offset,
        WRITE_BYTES_MAX,
      );
      const bytes = this.#memory.bytes.subarray(offset, offset + length);
      // One write may take only a part, for example when the disk is nearly full.
      const count = file.write(bytes, this.#written - this.#segmentStart);
      this.#written += count;
      this.figures.bytes += count;
    }
  }

  /** Writes checksums. */
  #seal(tail: number): void {
    const { blockBytes } = this.#options;
    const { words } = this.#memory;
    while (this.#sealed < tail) {
      const at = this.#ring.offsetOf(this.#sealed);
      const left = blockBytes - (at % blockBytes);
      if (left < HEADER_BYTES) {
        this.#sealed += left;
        continue;
      }
      const bytes = HEADER_BYTES + (words[at / 4] as number);
      words[at / 4 + 1] = entryChecksum(this.#memory, at, bytes, this.#sealed);
      this.#sealed += bytes;
    }
  }

  #openFile(): SegmentFile {
    if (this.#file === undefined) {
      const isNew = this.#synced === this.#segmentStart;
      this.#file = this.#files.open(segmentName(this.#segmentStart), isNew ? 'create' : 'write');
    }
    if (this.#isUncut) this.#file.truncate(this.#synced - this.#segmentStart);
    this.#isUncut = false;
    return this.#file;
  }

  /** A segment is on disk before the next one begins, so only the last can have a torn tail. */
  #endSegment(): void {
    if (this.#written > this.#synced) this.#sync();
    this.#file?.close();
    this.#file = undefined;
    this.#segmentStart = this.#written;
    this.#removeOld();
  }

  #sync(): void {
    const start = performance.now();
    this.#file?.sync();
    // The first sync of a file also makes its name durable.
    if (this.#synced === this.#segmentStart) this.#files.syncNames();
    const took = performance.now() - start;
    this.figures.syncs++;
    this.figures.syncMs += took;
    this.figures.syncMsMax = Math.max(this.figures.syncMsMax, took);
    // What another server has taken over meanwhile is not the journal.
    this.#checkClaim();
    const isNew = this.#synced === this.#segmentStart;
    this.#synced = this.#written;
    this.#ring.release(this.#synced);
    if (isNew || this.figures.oldestAt === 0) this.#measure();
  }

  #removeOld(): void {
    try {
      removeSegments(this.#files, this.#options.retention, this.#neededFrom);
    } catch {
      // The next segment tries again; a disk that fails is noticed by the next write.
    }
    this.#measure();
  }

  #measure(): void {
    try {
      Object.assign(this.figures, keptFigures(this.#files));
    } catch {
      // The figures stay as they are until the next segment.
    }
  }
}
