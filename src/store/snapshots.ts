import { type Capture, type Engine, readCapture } from '../engine/index.ts';
import type { Store } from './store.ts';

/** The info of a snapshot; its chunks hold the states of the symbols. */
export interface SnapshotHeader {
  /** Ms since the epoch. */
  readonly takenAt: number;
  /** Named publishers, each with the last sequence in the snapshot; longest offline first. */
  readonly publishers: readonly (readonly [name: string, sequence: number])[];
}

/**
 * Checks a stored header.
 *
 * @throws Error if it is not one
 */
export function readSnapshotHeader(value: unknown): SnapshotHeader {
  const { takenAt, publishers } = Object(value) as Partial<SnapshotHeader>;
  const isHeader =
    typeof takenAt === 'number' && Array.isArray(publishers) && publishers.every(isPublisher);
  if (!isHeader) throw new Error('the snapshot was not written by a Tickwire server');
  return { takenAt, publishers };
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
  /** Time of the newest one, ms since the epoch; 0 before the first. */
  takenAt: number;
  /** Duration of the newest one, from the cut to the disk, ms, and its size. */
  durationMs: number;
  bytes: number;
  /** Symbols that the start could not restore. */
  setAside: number;
}

/** The counters before the first snapshot. */
export function noSnapshots(): SnapshotCounters {
  return { saved: 0, failed: 0, takenAt: 0, durationMs: 0, bytes: 0, setAside: 0 };
}

/**
 * Takes snapshots of all statistics at an interval, and one at the stop. A snapshot is consistent:
 * it holds the ticks of the publishers' frames up to its sequences and no others, and the anomalies
 * they raised are on disk before it.
 */
export class Snapshots {
  readonly #counters: SnapshotCounters;
  readonly #options: SnapshotOptions;
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
    const header: SnapshotHeader = { takenAt: Date.now(), publishers: [...publishers()] };
    let capture: Capture | undefined;
    try {
      // Cuts synchronously, so the cut matches the sequences above.
      const capturing = engine.capture();
      // Ticks in a snapshot are never applied again, so their anomalies must be on disk first.
      await takeAnomalies(capturing);
      capture = await capturing;
      if (!(await store.flushed())) throw new Error(`anomalies are not on disk: ${store.fault}`);
      const result = await store.saveSnapshot(readCapture(capture), { ...header });
      if (!result.isSaved) throw new Error(result.reason);
      const { bytes } = result;
      const durationMs = performance.now() - startedAt;
      Object.assign(this.#counters, { takenAt: header.takenAt, durationMs, bytes });
      this.#counters.saved++;
      saved(header);
    } catch (error) {
      this.#fail(error);
    } finally {
      if (capture !== undefined) engine.releaseCapture(capture);
    }
  }
}
