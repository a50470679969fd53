import { type Capture, countChanged, type Engine, readCapture } from '../engine/index.ts';
import type { SnapshotExtent } from './snapshot-format.ts';
import type { Store } from './store.ts';

/** The info of a snapshot; its chunks hold the states of the symbols. */
export interface SnapshotHeader {
  /** Ms since the epoch. */
  readonly takenAt: number;
  /** Named publishers, each with the last sequence in the snapshot; longest offline first. */
  readonly publishers: readonly (readonly [name: string, sequence: number])[];
  /**
   * The number of the first anomaly that the store may have got after the snapshot. Absent from
   * snapshots of versions that retired no symbols.
   */
  readonly nextOrdinal?: number | undefined;
}

/**
 * Checks a stored header.
 *
 * @throws Error if it is not one
 */
export function readSnapshotHeader(value: unknown): SnapshotHeader {
  const { takenAt, publishers, nextOrdinal } = Object(value) as Partial<SnapshotHeader>;
  const isHeader =
    typeof takenAt === 'number' && Array.isArray(publishers) && publishers.every(isPublisher);
  if (!isHeader) throw new Error('the snapshot was not written by a Tickwire server');
  if (!Number.isSafeInteger(nextOrdinal)) return { takenAt, publishers };
  return { takenAt, publishers, nextOrdinal };
}

function isPublisher(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const [name, sequence] = value as unknown[];
  return typeof name === 'string' && Number.isSafeInteger(sequence);
}

export interface SnapshotOptions {
  readonly engine: Engine;
  readonly store: Store;
  /**
   * Last sequences of the named publishers, all of whose ticks were offered to the engine before.
   */
  readonly publishers: () => Iterable<[name: string, sequence: number]>;
  /** Resolves when the store has every anomaly raised before `raised` settled. */
  readonly takeAnomalies: (raised: Promise<unknown>) => Promise<void>;
  /** Called when a snapshot is on disk. */
  readonly saved: (header: SnapshotHeader) => void;
  /** Called when one could not be saved, or waits for a disk that fails. */
  readonly failed: (reason: string) => void;
  /** From the start of one snapshot to the next, ms; 0: only one, at the stop. */
  readonly intervalMs: number;
  readonly log: { warn(fields: object, message: string): void };
}

/** A snapshot that failed is tried again after this, ms, or at the next interval. */
const RETRY_MS = 10_000;

/** Snapshots since the start. */
export interface SnapshotCounters {
  saved: number;
  failed: number;
  /** Times that nothing had changed, so that none was written. */
  unchanged: number;
  /** When the newest one held everything, ms since the epoch; 0 before the first. */
  takenAt: number;
  /** Duration of the newest one, from the cut to the disk, ms, and its size. */
  durationMs: number;
  bytes: number;
  /** Size of all. */
  bytesWritten: number;
  /** Symbols that the start could not restore. */
  setAside: number;
}

/** The counters before the first snapshot. */
export function noSnapshots(): SnapshotCounters {
  const times = { takenAt: 0, durationMs: 0 };
  const counts = { saved: 0, failed: 0, unchanged: 0, setAside: 0 };
  return { ...counts, ...times, bytes: 0, bytesWritten: 0 };
}

/** Share of the symbols beyond which a snapshot is full instead. */
const SHARE_MAX = 0.5;

/**
 * Takes snapshots of all statistics at an interval, and one at the stop. A snapshot is consistent:
 * it holds the ticks of the publishers' frames up to its sequences and no others, and the anomalies
 * they raised are on disk before it.
 *
 * The first one of a process is full. Each later one holds the symbols that changed since the last
 * full one, unless they are most of all, or such ones have added up to its size. None is written
 * while nothing changes.
 */
export class Snapshots {
  readonly #counters: SnapshotCounters;
  readonly #options: SnapshotOptions;
  /** The newest one on disk. */
  #saved: SnapshotHeader | undefined;
  /** Size of the last full one, and of all that were saved on it. */
  #fullBytes = 0;
  #changesBytes = 0;
  /** Copies of symbols that were captured since the newest one on disk. */
  #unsavedCopies = 0;
  /** Symbols retired since the base, in the newest one on disk. */
  #savedRetired = 0;
  #timer: NodeJS.Timeout | undefined;
  #taking: Promise<void> | undefined;
  #isStopping = false;
  #retry: NodeJS.Timeout | undefined;
  /** Why the last one was not saved. */
  #fault: string | undefined;

  constructor(options: SnapshotOptions, counters: SnapshotCounters) {
    this.#options = options;
    this.#counters = counters;
    const { intervalMs } = options;
    if (intervalMs > 0) this.#timer = setInterval(this.#onInterval, intervalMs);
  }

  /** Takes a snapshot, or joins the one in progress. Resolves when it is on disk or has failed. */
  take(): Promise<void> {
    this.#taking ??= this.#take().finally(() => {
      this.#taking = undefined;
    });
    return this.#taking;
  }

  /**
   * Takes the last snapshot, with every accepted tick. Returns why it could not be saved; undefined
   * if it was.
   */
  async stop(): Promise<string | undefined> {
    clearInterval(this.#timer);
    this.#isStopping = true;
    await this.#taking;
    await this.take();
    clearTimeout(this.#retry);
    return this.#fault;
  }

  readonly #onInterval = (): void => {
    const { failed, store } = this.#options;
    // The one in progress waits for the disk, and so do those who wait for it.
    if (this.#taking !== undefined && store.fault !== undefined) failed(store.fault);
    void this.take();
  };

  #fail(error: unknown): void {
    const { failed, intervalMs, log } = this.#options;
    this.#counters.failed++;
    this.#fault = error instanceof Error ? error.message : String(error);
    log.warn({ err: error }, 'could not save a snapshot; the one before it is kept');
    failed(this.#fault);
    if (this.#isStopping || intervalMs <= RETRY_MS) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.take(), RETRY_MS);
  }

  async #take(): Promise<void> {
    const { engine, store, publishers, takeAnomalies, saved } = this.#options;
    this.#fault = undefined;
    const startedAt = performance.now();
    const header = {
      takenAt: Date.now(),
      publishers: [...publishers()],
      nextOrdinal: store.nextOrdinal,
    };
    let capturing: Promise<Capture> | undefined;
    try {
      // Cuts synchronously, so the cut matches the sequences above.
      capturing = engine.capture();
      // Ticks in a snapshot are never applied again, so their anomalies must be on disk first.
      await takeAnomalies(capturing);
      const capture = await capturing;
      for (const { copied } of capture.reports) this.#unsavedCopies += copied;
      if (!(await store.flushed())) throw new Error(`anomalies are not on disk: ${store.fault}`);
      if (this.#isSaved(header, capture)) {
        this.#counters.unchanged++;
        this.#counters.takenAt = header.takenAt;
        saved(header);
        return;
      }
      const bytes = await this.#save(capture, header);
      const durationMs = performance.now() - startedAt;
      Object.assign(this.#counters, { takenAt: header.takenAt, durationMs, bytes });
      this.#counters.saved++;
      this.#counters.bytesWritten += bytes;
      saved(header);
    } catch (error) {
      this.#fail(error);
    } finally {
      // Even if taking the anomalies failed before it was done.
      const capture = await capturing?.catch(() => undefined);
      if (capture !== undefined) engine.releaseCapture(capture);
    }
  }

  /** Whether the newest snapshot on disk holds all there is. */
  #isSaved({ publishers }: SnapshotHeader, { retired }: Capture): boolean {
    if (retired.length !== this.#savedRetired) return false;
    if (this.#unsavedCopies > 0 || !this.#options.store.hasSnapshotBase) return false;
    const saved = this.#saved?.publishers;
    if (saved?.length !== publishers.length) return false;
    return publishers.every(([name, sequence], index) => {
      const [known, last] = saved[index] ?? [];
      return known === name && last === sequence;
    });
  }

  /** Returns its size. */
  async #save(capture: Capture, header: SnapshotHeader): Promise<number> {
    const { engine, store } = this.#options;
    const extent = this.#extentOf(capture);
    const chunks = readCapture(capture, extent === 'full' ? 'all' : 'sinceBase');
    const info = { ...header, nextOrdinal: header.nextOrdinal ?? 0 };
    const result = await store.saveSnapshot(chunks, info, extent);
    if (!result.isSaved) throw new Error(result.reason);
    const { bytes } = result;
    this.#saved = header;
    this.#unsavedCopies = 0;
    if (extent === 'full') {
      engine.setCaptureBase(capture);
      this.#savedRetired = 0;
      this.#fullBytes = bytes;
      this.#changesBytes = 0;
    } else {
      this.#changesBytes += bytes;
      this.#savedRetired = capture.retired.length;
    }
    return bytes;
  }

  #extentOf(capture: Capture): SnapshotExtent {
    const isBaseUsed = this.#changesBytes >= this.#fullBytes;
    if (isBaseUsed || !this.#options.store.hasSnapshotBase) return 'full';
    return countChanged(capture) > SHARE_MAX * capture.symbols ? 'full' : 'changes';
  }
}
