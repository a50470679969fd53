import { setTimeout as delay } from 'node:timers/promises';
import { type Capture, countChanged, type Engine, readCapture } from '../engine/index.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import type { SnapshotExtent, SnapshotInfo } from './snapshot-format.ts';
import type { Store, WriteAhead } from './store.ts';
import { awaitSynced } from './write-ahead.ts';

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
  /** Absent from snapshots of versions without a journal. */
  readonly journal?: SnapshotJournal | undefined;
  /** The rule file in force; absent where there are no rules. */
  readonly rules?: string | undefined;
}

/** Where a snapshot is in the journal: the entries before it are in the snapshot, no later ones. */
export interface SnapshotJournal {
  readonly position: number;
  /** Ticks offered to each partition until then, since that run of the server began. */
  readonly offered: readonly number[];
}

/**
 * Checks a stored header.
 *
 * @throws Error if it is not one
 */
export function readSnapshotHeader(value: unknown): SnapshotHeader {
  const header = Object(value) as Partial<SnapshotHeader>;
  const { takenAt, publishers, nextOrdinal, journal } = header;
  const isHeader =
    typeof takenAt === 'number' && Array.isArray(publishers) && publishers.every(isPublisher);
  if (!isHeader || (journal !== undefined && !isJournal(journal))) {
    throw new Error('the snapshot was not written by a Tickwire server');
  }
  if (!Number.isSafeInteger(nextOrdinal)) return { takenAt, publishers };
  const rules = typeof header.rules === 'string' ? header.rules : undefined;
  return { takenAt, publishers, nextOrdinal, journal, rules };
}

function isJournal(value: unknown): boolean {
  const { position, offered } = Object(value) as Partial<SnapshotJournal>;
  return Number.isSafeInteger(position) && Array.isArray(offered) && offered.every(Number.isFinite);
}

function isPublisher(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const [name, sequence] = value as unknown[];
  return typeof name === 'string' && Number.isSafeInteger(sequence);
}

/** The journal that snapshots are taken of. */
export interface JournalOfSnapshots extends WriteAhead {
  /** No start needs the entries before this position any more. */
  retain(position: number): void;
}

export interface SnapshotOptions {
  readonly engine: Engine;
  readonly store: Store;
  readonly journal?: JournalOfSnapshots | undefined;
  /**
   * Last sequences of the named publishers, all of whose ticks were offered to the engine before.
   */
  readonly publishers: () => Iterable<[name: string, sequence: number]>;
  /** Resolves when the store has every anomaly raised before `raised` settled. */
  readonly takeRecords: (raised: Promise<unknown>) => Promise<void>;
  /** Called when a snapshot is on disk. */
  readonly saved: (header: SnapshotHeader) => void;
  /** Called when one could not be saved, or waits for a disk that fails. */
  readonly failed: (reason: string) => void;
  /** From the start of one snapshot to the next, ms; 0: only one, at the stop. */
  readonly intervalMs: number;
  readonly log: { warn(fields: object, message: string): void };
  readonly tracing?: Tracing | undefined;
}

/** How often a stop looks at a disk that fails, and how many times before it gives up. */
const STOP_LOOK_MS = 100;
const STOP_LOOKS = 10;
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
  /** Ticks of the journal that the start applied again. */
  replayedTicks: number;
}

/** The counters before the first snapshot. */
export function noSnapshots(): SnapshotCounters {
  const times = { takenAt: 0, durationMs: 0 };
  const counts = { saved: 0, failed: 0, unchanged: 0, setAside: 0, replayedTicks: 0 };
  return { ...counts, ...times, bytes: 0, bytesWritten: 0 };
}

/**
 * Bytes of the journal between two snapshots, and between two full ones: a start replays no more,
 * or twice as many if the newest snapshot is damaged.
 */
const JOURNAL_BYTES = 128 * 2 ** 20;
/** Interval at which the size of the journal is looked at, ms. */
const JOURNAL_MS = 1000;

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
  /** Positions in the journal of the last full one, and of the last that was begun. */
  #fullPosition = 0;
  #position = 0;
  #changesBytes = 0;
  /** Copies of symbols that were captured since the newest one on disk. */
  #unsavedCopies = 0;
  /** Symbols retired since the base, in the newest one on disk. */
  #savedRetired = 0;
  #timer: NodeJS.Timeout | undefined;
  #taking: Promise<void> | undefined;
  #isStopping = false;
  /** Nothing is saved any more. */
  #isGivenUp = false;
  /** Ends the wait for the capture under way. */
  #endCapture: (error: Error) => void = () => undefined;
  #journalTimer: NodeJS.Timeout | undefined;
  #isRequested = false;
  #retry: NodeJS.Timeout | undefined;
  /** Why the last one was not saved. */
  #fault: string | undefined;

  constructor(options: SnapshotOptions, counters: SnapshotCounters) {
    this.#options = options;
    this.#counters = counters;
    const { intervalMs } = options;
    if (intervalMs > 0) this.#timer = setInterval(this.#onInterval, intervalMs);
    this.#position = options.journal?.position ?? 0;
    if (options.journal !== undefined) {
      this.#journalTimer = setInterval(this.#lookAtJournal, JOURNAL_MS).unref();
    }
  }

  /** Takes a snapshot of now or later, whatever is in progress. */
  request(): void {
    if (this.#isRequested || this.#isStopping) return;
    this.#isRequested = true;
    void (this.#taking ?? Promise.resolve()).then(() => {
      this.#isRequested = false;
      return this.take();
    });
  }

  /** Takes a snapshot, or joins the one in progress. Resolves when it is on disk or has failed. */
  take(): Promise<void> {
    this.#taking ??= this.#take().finally(() => {
      this.#taking = undefined;
    });
    return this.#taking;
  }

  /** Takes none any more. */
  abandon(): void {
    clearInterval(this.#timer);
    clearInterval(this.#journalTimer);
    this.#isStopping = true;
    clearTimeout(this.#retry);
  }

  /**
   * Takes the last snapshot, with every accepted tick. Returns why it could not be saved; undefined
   * if it was. A disk that fails is given up after a second: under `store.mode: sync`, ticks that
   * the journal does not get on disk never get to the workers, and no snapshot past them.
   */
  async stop(): Promise<string | undefined> {
    this.abandon();
    const isTaken = this.#takeLast().then(() => undefined);
    const fault = await Promise.race([isTaken, this.#lastingFault(isTaken)]);
    clearTimeout(this.#retry);
    if (fault === undefined) return this.#fault;
    this.#isGivenUp = true;
    this.#endCapture(new Error(fault));
    return fault;
  }

  async #takeLast(): Promise<void> {
    await this.#taking;
    if (!this.#isGivenUp) await this.take();
  }

  /** Resolves when the disk has failed for a second, with the reason; or when `over` does. */
  async #lastingFault(over: Promise<undefined>): Promise<string | undefined> {
    const { journal, store } = this.#options;
    const end = over.then(() => true);
    for (let looks = 0; ; ) {
      if (await Promise.race([end, delay(STOP_LOOK_MS, false)])) return undefined;
      const fault = store.fault ?? journal?.fault;
      looks = fault === undefined ? 0 : looks + 1;
      if (looks === STOP_LOOKS) return fault;
    }
  }

  readonly #onInterval = (): void => {
    const { failed, journal, store } = this.#options;
    // The one in progress waits for the disk, and so do those who wait for it.
    const fault = store.fault ?? journal?.fault;
    if (this.#taking !== undefined && fault !== undefined) failed(fault);
    void this.take();
  };

  readonly #lookAtJournal = (): void => {
    const { journal } = this.#options;
    // A failed one is tried again in time.
    if (journal === undefined || this.#fault !== undefined) return;
    if (journal.position - this.#position >= JOURNAL_BYTES) void this.take();
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
    const { engine, store, publishers, takeRecords, saved } = this.#options;
    this.#fault = undefined;
    const startedAt = performance.now();
    const span = this.#options.tracing?.start('snapshot');
    const header = {
      takenAt: Date.now(),
      publishers: [...publishers()],
      nextOrdinal: store.nextOrdinal,
      journal: this.#journalNow(),
      rules: engine.rules?.text,
    };
    let capturing: Promise<Capture> | undefined;
    try {
      // Cuts synchronously, so the cut matches the sequences above.
      capturing = engine.capture();
      // Ticks in a snapshot are never applied again, so what they raised must be on disk first.
      const captured = this.#unlessEnded(capturing);
      await takeRecords(captured);
      const capture = await captured;
      span?.event('captured', { 'tickwire.symbols': capture.symbols });
      await this.#awaitJournal();
      for (const { copied } of capture.reports) this.#unsavedCopies += copied;
      const isFlushed = (await store.flushed()) && (await store.alerts.flushed());
      if (!isFlushed) throw new Error(`anomalies are not on disk: ${store.fault}`);
      if (this.#isGivenUp) throw new Error('the server has stopped');
      if (this.#isSaved(header, capture)) {
        this.#counters.unchanged++;
        this.#counters.takenAt = header.takenAt;
        saved(header);
        span?.note({ 'tickwire.changed': false });
        span?.end();
        return;
      }
      const bytes = await this.#save(capture, header);
      const durationMs = performance.now() - startedAt;
      Object.assign(this.#counters, { takenAt: header.takenAt, durationMs, bytes });
      this.#counters.saved++;
      this.#counters.bytesWritten += bytes;
      saved(header);
      this.#options.journal?.retain(store.recoveryPosition ?? 0);
      span?.note({ 'tickwire.changed': true, 'tickwire.bytes': bytes });
      span?.end();
    } catch (error) {
      this.#fail(error);
      span?.fail(error);
    } finally {
      // Even if taking the records failed before it was done.
      const capture = this.#isGivenUp ? undefined : await capturing?.catch(() => undefined);
      if (capture !== undefined) engine.releaseCapture(capture);
    }
  }

  #unlessEnded(capturing: Promise<Capture>): Promise<Capture> {
    return new Promise((resolve, reject) => {
      this.#endCapture = reject;
      capturing.then(resolve, reject);
    });
  }

  /** Where the journal is now; every tick in it was offered to the engine. */
  #journalNow(): SnapshotJournal | undefined {
    const { engine, journal } = this.#options;
    if (journal === undefined) return undefined;
    const offered = new Float64Array(engine.partitions);
    engine.offeredTo(offered);
    this.#position = journal.position;
    return { position: journal.position, offered: [...offered] };
  }

  /**
   * Nothing that a snapshot holds may be missing from the journal: neither the ticks before its
   * position nor the reports that some of them were lost, which have come since.
   */
  async #awaitJournal(): Promise<void> {
    const { journal } = this.#options;
    const fault = journal && (await awaitSynced(journal, journal.position));
    if (fault !== undefined) throw new Error(fault);
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
    const position = header.journal?.position ?? 0;
    const extent = this.#extentOf(capture, position);
    const chunks = readCapture(capture, extent === 'full' ? 'all' : 'sinceBase');
    const info = infoOf(header);
    const result = await store.saveSnapshot(chunks, info, extent);
    if (!result.isSaved) throw new Error(result.reason);
    const { bytes } = result;
    this.#saved = header;
    this.#unsavedCopies = 0;
    if (extent === 'full') {
      engine.setCaptureBase(capture);
      this.#savedRetired = 0;
      this.#fullBytes = bytes;
      this.#fullPosition = position;
      this.#changesBytes = 0;
    } else {
      this.#changesBytes += bytes;
      this.#savedRetired = capture.retired.length;
    }
    return bytes;
  }

  #extentOf(capture: Capture, position: number): SnapshotExtent {
    const isFar = position - this.#fullPosition >= JOURNAL_BYTES;
    const isBaseUsed = isFar || this.#changesBytes >= this.#fullBytes;
    if (isBaseUsed || !this.#options.store.hasSnapshotBase) return 'full';
    return countChanged(capture) > SHARE_MAX * capture.symbols ? 'full' : 'changes';
  }
}

function infoOf(header: SnapshotHeader): SnapshotInfo {
  const { takenAt, publishers, nextOrdinal = 0, journal, rules } = header;
  const info = { takenAt, publishers, nextOrdinal, ...(rules === undefined ? {} : { rules }) };
  return journal === undefined ? info : { ...info, journal: { ...journal } };
}
