import {
  type AnomalyCount,
  decodeSymbolStates,
  type Engine,
  readCapture,
  type SymbolState,
} from '../engine/index.ts';
import type { Store } from './store.ts';

/** What a snapshot says beside the states of the symbols. */
export interface SnapshotHeader {
  /** Ms since the epoch. */
  readonly takenAt: number;
  /** Named publishers and the last sequence of each whose ticks are in the snapshot, longest gone first. */
  readonly publishers: readonly (readonly [name: string, sequence: number])[];
}

/**
 * Reads a header that was stored.
 *
 * @throws Error for what is none
 */
export function readSnapshotHeader(value: unknown): SnapshotHeader {
  const { takenAt, publishers } = Object(value) as Partial<SnapshotHeader>;
  const isHeader =
    typeof takenAt === 'number' && Array.isArray(publishers) && publishers.every(isPublisher);
  if (!isHeader) throw new Error('the snapshot is of another kind than this server writes');
  return { takenAt, publishers };
}

function isPublisher(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const [name, sequence] = value as unknown[];
  return typeof name === 'string' && Number.isSafeInteger(sequence);
}

/** What taking snapshots needs. */
export interface SnapshotOptions {
  readonly engine: Engine;
  readonly store: Store;
  /** Publishers and the last sequence of each: everything they stand for was offered to the engine. */
  readonly publishers: () => Iterable<[name: string, sequence: number]>;
  /** Has every anomaly that was raised so far appended to the store. */
  readonly takeAnomalies: () => void;
  /** Told when a snapshot is on disk. */
  readonly saved: (header: SnapshotHeader) => void;
  /** Between the beginnings of two snapshots, ms; 0: none but the last. */
  readonly intervalMs: number;
  readonly log: { warn(fields: object, message: string): void };
}

/** What became of the snapshots so far. */
export interface SnapshotCounters {
  saved: number;
  failed: number;
  /** When the newest one was taken, ms since the epoch; 0 before the first. */
  takenAt: number;
  /** Of the newest one: from the cut to the disk, ms, and its size. */
  durationMs: number;
  bytes: number;
}

/** Counters of a server that has taken none. */
export function noSnapshots(): SnapshotCounters {
  return { saved: 0, failed: 0, takenAt: 0, durationMs: 0, bytes: 0 };
}

/**
 * Takes snapshots of all statistics at an interval, and one at the end. A snapshot is of one moment: the ticks in it are those
 * of the publishers' frames up to the sequences in it, and no others; and the anomalies that they raised are on disk before it.
 */
export class Snapshots {
  readonly #counters: SnapshotCounters;
  readonly #options: SnapshotOptions;
  #timer: NodeJS.Timeout | undefined;
  #taking: Promise<void> | undefined;

  /** @param counters where it counts */
  constructor(options: SnapshotOptions, counters: SnapshotCounters) {
    this.#options = options;
    this.#counters = counters;
    const { intervalMs } = options;
    if (intervalMs > 0) this.#timer = setInterval(() => void this.take(), intervalMs);
  }

  /** Takes a snapshot, unless one is being taken; resolves when it is on disk or has failed. */
  take(): Promise<void> {
    this.#taking ??= this.#take().finally(() => {
      this.#taking = undefined;
    });
    return this.#taking;
  }

  /** Takes the last one, with everything in it that was accepted. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#taking;
    await this.take();
  }

  async #take(): Promise<void> {
    const { engine, store, publishers, takeAnomalies, saved, log } = this.#options;
    const startedAt = performance.now();
    const header: SnapshotHeader = { takenAt: Date.now(), publishers: [...publishers()] };
    // The cut is made in this call, so it is that of the sequences above.
    const capture = await engine.capture();
    try {
      // Ticks in a snapshot are never applied again: an anomaly of theirs that the disk lacked would be missing for ever.
      takeAnomalies();
      await store.flushed();
      const result = await store.saveSnapshot(readCapture(capture), { ...header });
      if (!result.isSaved) throw new Error(result.reason);
      const { bytes } = result;
      const durationMs = performance.now() - startedAt;
      Object.assign(this.#counters, { takenAt: header.takenAt, durationMs, bytes });
      this.#counters.saved++;
      saved(header);
    } catch (error) {
      this.#counters.failed++;
      log.warn({ err: error }, 'a snapshot could not be saved; the one before stays');
    } finally {
      engine.releaseCapture(capture);
    }
  }
}

/** What an earlier run left. */
export interface Recovered {
  /** States of symbols, and how far the anomalies of each are numbered, which may be further. */
  readonly symbols: Iterable<SymbolState | AnomalyCount>;
  readonly publishers: SnapshotHeader['publishers'];
  /** When the snapshot was taken, ms since the epoch; undefined where there is none. */
  readonly takenAt: number | undefined;
}

/** What there is where nothing is kept. */
export const NOTHING_RECOVERED: Recovered = { symbols: [], publishers: [], takenAt: undefined };

/**
 * Reads what the store holds of an earlier run: its newest whole snapshot, and the numbers of anomalies raised since.
 *
 * @throws Error when the snapshot is of a kind that this server does not know
 */
export function recover(store: Store): Recovered {
  const snapshot = store.loadSnapshot();
  if (snapshot === undefined) return { ...NOTHING_RECOVERED, symbols: anomalyCounts(store) };
  const { takenAt, publishers } = readSnapshotHeader(snapshot.info);
  return { takenAt, publishers, symbols: symbolsOf(snapshot.chunks(), store) };
}

function* symbolsOf(
  chunks: Iterable<Uint8Array>,
  store: Store,
): Generator<SymbolState | AnomalyCount> {
  for (const chunk of chunks) yield* decodeSymbolStates(chunk);
  yield* anomalyCounts(store);
}

function* anomalyCounts(store: Store): Generator<AnomalyCount> {
  for (const [symbol, anomalies] of store.lastSequences()) yield { symbol, anomalies };
}
