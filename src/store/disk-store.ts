import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Anomaly } from '../engine/index.ts';
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
import { type DiskHistory, Environment } from './environment.ts';
import { History } from './history.ts';
import { DirectoryLock, type LockSeams } from './lock/directory-lock.ts';
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
  type Removed,
  type Store,
  StoreError,
  type StoreLog,
  type StoreOptions,
  type SweepLimits,
  type Swept,
  type TimeRange,
} from './store.ts';
import { WriteLoop } from './write-behind.ts';
import { WriteBuffer } from './write-buffer.ts';
import { type StartWriter, startWriter } from './writer.ts';

/** Replaced in tests. */
export interface StoreSeams {
  readonly startWriter?: StartWriter;
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
    environment = await Environment.open(data, lock, seams.startWriter ?? startWriter);
    const { disk } = environment;
    if (disk === undefined) throw new StoreError(`${directory} was closed while it was opened.`);
    disk.checkVersions();
    const isCurrent = marker.isReady && marker.format === FORMAT;
    if (!isCurrent) writeMarker(directory, true, marker.created);
    const snapshots = new SnapshotFiles(directory, log, lock);
    snapshots.removeTemporary();
    // The time at which the store was made tells it from others.
    const lineage = Date.parse(marker.created).toString(36);
    return { environment, disk, lock, snapshots, lineage, log, seams };
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
  readonly disk: DiskHistory;
  readonly lock: DirectoryLock;
  readonly snapshots: SnapshotFiles;
  readonly lineage: string;
  readonly log: StoreLog;
  readonly seams: StoreSeams;
}

/** The store: a buffer in memory, a thread that writes, a memory map to read. */
class DiskStore implements Store {
  readonly #options: StoreOptions;
  readonly #parts: DiskStoreParts;
  readonly #waiting: WriteBuffer;
  readonly #history: History;
  readonly #loop: WriteLoop;
  /** Last sequences: of the symbols of this run; of others, see the disk. */
  readonly #last = new Map<string, number>();
  /** Symbols to drop from them once everything is on disk. */
  readonly #gone = new Set<string>();
  readonly #watch: NodeJS.Timeout;
  #directoryFault: string | undefined;
  #readFault: { readonly reason: string; readonly atMs: number } | undefined;
  readonly lost: Promise<StoreError>;
  #isClosed = false;

  constructor(options: StoreOptions, parts: DiskStoreParts) {
    const { disk, environment, log, seams } = parts;
    this.#options = options;
    this.#parts = parts;
    this.#waiting = new WriteBuffer(disk.nextOrdinal(), seams.waitingMax ?? WAITING_MAX);
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
    this.#waiting.append(anomaly);
    this.#loop.schedule();
  }

  async flushed(): Promise<boolean> {
    return this.#loop.flushed();
  }

  lastSequence(symbol: string): number {
    const known = this.#last.get(symbol);
    if (known !== undefined) return known;
    return this.#readDisk((disk) => disk.row(symbol)?.last, undefined) ?? 0;
  }

  firstSequence(symbol: string): number {
    return this.#history.first(symbol, this.lastSequence(symbol) + 1);
  }

  from(symbol: string, sequence: number, limit: number): readonly Anomaly[] {
    return this.#history.from(symbol, sequence, limit);
  }

  before(symbol: string, sequence: number, limit: number): readonly Anomaly[] {
    return this.#history.before(symbol, sequence, limit);
  }

  between(range: TimeRange): Promise<AnomalyPage> {
    return this.#history.between(range);
  }

  get lineage(): string {
    return this.#parts.lineage;
  }

  get nextOrdinal(): number {
    return this.#waiting.nextOrdinal;
  }

  arrivedFrom(ordinal: number, limit: number): readonly ArrivedAnomaly[] {
    return this.#history.arrivedFrom(ordinal, limit);
  }

  recent(limit: number, isWanted?: (symbol: string) => boolean): readonly Anomaly[] {
    return this.#history.recent(limit, isWanted);
  }

  lastSequences(ordinal = 0): Iterable<[symbol: string, sequence: number]> {
    const onDisk = this.#readDisk((disk) => disk.lastSequences(ordinal), new Map());
    return ordinal === 0 ? new Map([...onDisk, ...this.#last]) : onDisk;
  }

  forget(symbol: string): void {
    this.#gone.add(symbol);
    if (this.#waiting.count > 0) return;
    for (const gone of this.#gone) this.#last.delete(gone);
    this.#gone.clear();
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

  readonly #readDisk = <T>(read: (disk: DiskHistory) => T, otherwise: T): T => {
    const { environment, log } = this.#parts;
    // Undefined while it is reopened; the write loop then reports a fault.
    if (environment.disk === undefined) return otherwise;
    try {
      return read(environment.disk);
    } catch (error) {
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
      return otherwise;
    }
  };

  #recentReadFault(): string | undefined {
    const fault = this.#readFault;
    if (fault === undefined || performance.now() - fault.atMs > READ_FAULT_MS) return undefined;
    return `the store in ${this.#options.directory} cannot be read: ${fault.reason}`;
  }
}
