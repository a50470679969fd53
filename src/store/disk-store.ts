import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Anomaly } from '../engine/index.ts';
import { CallQueue, CallRefusedError } from '../threads/call-queue.ts';
import { checkDatabase } from './database-check.ts';
import { checkAnomaly, DATABASE_FILE, LOCK_SUFFIX } from './databases.ts';
import {
  checkSpace,
  FORMAT,
  inspectDirectory,
  type Marker,
  reasonOf,
  writeMarker,
} from './directory.ts';
import { Environment, type StartThreads } from './environment.ts';
import { History, type ReadDisk } from './history.ts';
import { LastSequences } from './last-sequences.ts';
import { DirectoryLock, type LockSeams } from './lock/directory-lock.ts';
import type { NameFilter } from './name-filter.ts';
import { startReader } from './reader.ts';
import type { Held } from './reader-thread.ts';
import { SnapshotFiles } from './snapshot-files.ts';
import type {
  SnapshotExtent,
  SnapshotInfo,
  SnapshotResult,
  StoredSnapshot,
} from './snapshot-format.ts';
import {
  type AnomalyPage,
  type ArrivedAnomaly,
  type IsWanted,
  type Removed,
  type Store,
  StoreError,
  type StoreLog,
  type StoreOptions,
  type SweepLimits,
  type Swept,
  type SymbolPage,
  type SymbolRange,
  type TimeRange,
  type WriteAhead,
} from './store.ts';
import { WriteLoop } from './write-behind.ts';
import { WriteBuffer } from './write-buffer.ts';
import { startWriter } from './writer.ts';

/** Replaced in tests. */
export interface StoreSeams extends Partial<StartThreads> {
  readonly checkDatabase?: typeof checkDatabase;
  /** Anomalies held before the store is full. */
  readonly waitingMax?: number;
  /** How long a write may take, and the disk fail before anomalies are given up, ms. */
  readonly stalledMs?: number;
  readonly lock?: LockSeams;
}

/**
 * Opens the store in a directory, or lays one out in an empty or new one. Checks everything before
 * LMDB opens it, and changes nothing in a directory that it refuses.
 *
 * @throws StoreError with the path, what was found there, and what to do
 */
export async function openStore(
  given: StoreOptions,
  log: StoreLog,
  seams: StoreSeams = {},
): Promise<Store> {
  const options = { ...given, directory: resolve(given.directory) };
  const { directory } = options;
  inspectDirectory(directory);
  checkSpace(directory);
  const lock = await DirectoryLock.acquire(directory, log, seams.lock);
  try {
    return new DiskStore(options, await openParts(options, lock, log, seams));
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function openParts(
  { directory, retentionDays, retentionPerSymbol }: StoreOptions,
  lock: DirectoryLock,
  log: StoreLog,
  seams: StoreSeams,
): Promise<DiskStoreParts> {
  const marker = await prepare(directory, seams.checkDatabase ?? checkDatabase);
  let environment: Environment | undefined;
  try {
    const retention = { ageMs: retentionDays * DAY_MS, perSymbol: retentionPerSymbol };
    const data = { directory, retention };
    const opened = await Environment.open(data, lock, { startReader, startWriter, ...seams });
    ({ environment } = opened);
    const isCurrent = marker.isReady && marker.format === FORMAT;
    if (!isCurrent) writeMarker(directory, true, marker.created);
    const snapshots = new SnapshotFiles(directory, log, lock);
    snapshots.removeTemporary();
    // The time at which the store was made tells it from others.
    const lineage = Date.parse(marker.created).toString(36);
    return { ...opened, lock, snapshots, lineage, log, seams };
  } catch (error) {
    await environment?.close();
    if (error instanceof StoreError) throw error;
    throw new StoreError(
      `${join(directory, DATABASE_FILE)} cannot be opened: ${reasonOf(error)}. ` +
        'Restore the directory from a backup, or name another.',
    );
  }
}

/**
 * Inspects again, now with the lock held: another process may have used the directory until now.
 */
async function prepare(directory: string, check: typeof checkDatabase): Promise<Marker> {
  const found = inspectDirectory(directory);
  if (found?.isReady === true) {
    await check(directory);
    return found;
  }
  const marker = found ?? writeMarker(directory, false, new Date().toISOString());
  // A start was interrupted while laying out the database: nothing was ever stored in it.
  for (const name of [DATABASE_FILE, DATABASE_FILE + LOCK_SUFFIX]) {
    rmSync(join(directory, name), { force: true });
  }
  return marker;
}

/** Anomalies held in memory until they are on disk: about 20 MB. */
const WAITING_MAX = 65_536;
/** Queries that may wait for the reader. */
const READS_WAITING_MAX = 256;
const DAY_MS = 86_400_000;
/** Interval at which the directory is looked at, ms. */
const WATCH_MS = 2000;
/** The longest wait for a write before the process may end, ms. */
const IDLE_MS_MAX = 2000;
const UNREF = { ref: false };
/** How long a failed read counts as the store's fault, ms. */
const READ_FAULT_MS = 60_000;

interface DiskStoreParts {
  readonly environment: Environment;
  readonly held: Held;
  readonly lock: DirectoryLock;
  readonly snapshots: SnapshotFiles;
  readonly lineage: string;
  readonly log: StoreLog;
  readonly seams: StoreSeams;
}

/** The store: a buffer in memory, a thread that writes, another that reads. */
class DiskStore implements Store {
  readonly #options: StoreOptions;
  readonly #parts: DiskStoreParts;
  readonly #waiting: WriteBuffer;
  readonly #history: History;
  readonly #loop: WriteLoop;
  /** Last sequences: of the symbols that had anomalies in this run, and of all others. */
  readonly #last = new Map<string, number>();
  readonly #lastOfOthers = new LastSequences();
  readonly #reads = new CallQueue(READS_WAITING_MAX);
  readonly #watch: NodeJS.Timeout;
  #directoryFault: string | undefined;
  #readFault: { readonly reason: string; readonly atMs: number } | undefined;
  readonly lost: Promise<StoreError>;
  #isClosed = false;

  constructor(options: StoreOptions, parts: DiskStoreParts) {
    const { environment, held, log, seams } = parts;
    this.#options = options;
    this.#parts = parts;
    this.#lastOfOthers.setAll(held.lastSequences);
    this.#waiting = new WriteBuffer(held.nextOrdinal, seams.waitingMax ?? WAITING_MAX);
    this.#history = new History(this.#readDisk, this.#waiting);
    this.#loop = new WriteLoop(options, environment, this.#waiting, log, seams.stalledMs);
    this.lost = parts.lock.lost.then(async (error) => {
      await this.idle();
      return error;
    });
    this.#watch = setInterval(() => void this.#checkDirectory(), WATCH_MS).unref();
  }

  get fault(): string | undefined {
    return this.#loop.fault ?? this.#directoryFault ?? this.#recentReadFault();
  }

  async idle(): Promise<void> {
    await Promise.race([this.#parts.environment.idle(), delay(IDLE_MS_MAX, undefined, UNREF)]);
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

  append(anomaly: Anomaly): void {
    checkAnomaly(anomaly);
    if (anomaly.sequence <= this.lastSequence(anomaly.symbol)) return;
    if (this.#isClosed) throw new StoreError('the store is closed');
    this.#last.set(anomaly.symbol, anomaly.sequence);
    if (this.#waiting.space === 0 && this.#loop.mayGiveUp) this.#loop.giveUp();
    this.#waiting.append(anomaly, this.#loop.journal?.position);
    this.#loop.schedule();
  }

  follow(journal: WriteAhead): void {
    this.#loop.journal = journal;
  }

  get claim(): Store['claim'] {
    return this.#parts.lock.claim;
  }

  noteFailure(error: unknown): void {
    this.#parts.lock.noteFailure(error);
  }

  get recoveryPosition(): number | undefined {
    return this.#parts.snapshots.recoveryPosition;
  }

  async flushed(): Promise<boolean> {
    return this.#loop.flushed();
  }

  lastSequence(symbol: string): number {
    return this.#last.get(symbol) ?? this.#lastOfOthers.get(symbol);
  }

  page(range: SymbolRange, isWanted?: IsWanted): Promise<SymbolPage> {
    return this.#history.page(range, this.lastSequence(range.symbol) + 1, isWanted);
  }

  ranges(ranges: readonly SymbolRange[]): Promise<readonly (readonly Anomaly[])[]> {
    return this.#history.ranges(ranges);
  }

  between(range: TimeRange, filter: NameFilter, isWanted?: IsWanted): Promise<AnomalyPage> {
    return this.#history.between(range, filter, isWanted);
  }

  get lineage(): string {
    return this.#parts.lineage;
  }

  get nextOrdinal(): number {
    return this.#waiting.nextOrdinal;
  }

  arrivedFrom(ordinal: number, limit: number): Promise<readonly ArrivedAnomaly[]> {
    return this.#history.arrivedFrom(ordinal, limit);
  }

  recent(limit: number, filter: NameFilter, isWanted?: IsWanted): Promise<readonly Anomaly[]> {
    return this.#history.recent(limit, filter, isWanted);
  }

  async lastSequences(ordinal = 0): Promise<Iterable<[symbol: string, sequence: number]>> {
    if (ordinal === 0) return new Map([...this.#lastOfOthers.entries(), ...this.#last]);
    return this.#readDisk((call) => call('lastSequences', ordinal), new Map());
  }

  forget(symbol: string): void {
    const last = this.#last.get(symbol);
    if (last === undefined) return;
    this.#lastOfOthers.set(symbol, last);
    this.#last.delete(symbol);
  }

  get removed(): Removed {
    return this.#parts.environment.removed;
  }

  async sweep(limits: SweepLimits): Promise<Swept> {
    return this.#parts.environment.sweep(limits);
  }

  get hasSnapshotBase(): boolean {
    return this.#parts.snapshots.hasBase;
  }

  async saveSnapshot(
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    info: SnapshotInfo,
    extent: SnapshotExtent,
  ): Promise<SnapshotResult> {
    return this.#parts.snapshots.save(chunks, info, extent);
  }

  loadSnapshot(check?: (snapshot: StoredSnapshot) => void): StoredSnapshot | undefined {
    return this.#parts.snapshots.load(check);
  }

  keepSnapshot(number: number): void {
    this.#parts.snapshots.keep(number);
  }

  async close(): Promise<number> {
    if (this.#isClosed) return 0;
    this.#isClosed = true;
    clearInterval(this.#watch);
    try {
      const lost = await this.#loop.close();
      // A writer that is stuck in a write never answers.
      if (!this.#loop.isStalled) await this.#parts.environment.close();
      return lost;
    } finally {
      this.#parts.lock.release();
    }
  }

  /** While nothing is written, nothing else tells that the directory is gone. */
  async #checkDirectory(): Promise<void> {
    try {
      await this.#parts.lock.check();
      this.#directoryFault = undefined;
    } catch (error) {
      const { log } = this.#parts;
      if (this.#directoryFault === undefined) log.error({ err: error }, 'the store cannot be used');
      this.#directoryFault = reasonOf(error);
    }
  }

  readonly #readDisk: ReadDisk = async (read, otherwise, options) => {
    const { environment } = this.#parts;
    try {
      return await this.#reads.run(() => {
        const { reader } = environment;
        // Undefined while it is reopened; the write loop then reports a fault.
        if (reader === undefined) return Promise.resolve(otherwise);
        return read((...call) => reader.call(...call));
      }, options);
    } catch (error) {
      if (error instanceof CallRefusedError) throw error;
      if (!this.#isClosed) this.#noteReadFailure(error);
      return otherwise;
    }
  };

  #noteReadFailure(error: unknown): void {
    const { environment, log } = this.#parts;
    environment.noteFailure(error);
    const reason = error instanceof Error ? error.message : String(error);
    if (this.#recentReadFault() === undefined) {
      const { directory } = this.#options;
      log.error(
        { reason, directory },
        'the store cannot be read; answers may lack anomalies that are on disk',
      );
    }
    this.#readFault = { reason, atMs: performance.now() };
  }

  #recentReadFault(): string | undefined {
    const fault = this.#readFault;
    if (fault === undefined || performance.now() - fault.atMs > READ_FAULT_MS) return undefined;
    return `the store in ${this.#options.directory} cannot be read: ${fault.reason}`;
  }
}
