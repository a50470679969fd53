import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Alert, Anomaly } from '../protocol/index.ts';
import { CallQueue, CallRefusedError } from '../threads/call-queue.ts';
import { checkDatabase } from './database-check.ts';
import { DATABASE_FILE, LOCK_SUFFIX } from './databases.ts';
import {
  checkSpace,
  FORMAT,
  inspectDirectory,
  type Marker,
  reasonOf,
  writeMarker,
} from './directory.ts';
import { Environment, type StartThreads } from './environment.ts';
import type { ReadDisk } from './history.ts';
import { DirectoryLock, type LockSeams } from './lock/directory-lock.ts';
import { type HeldByKind, startReader } from './reader.ts';
import { SnapshotFiles } from './snapshot-files.ts';
import type {
  SnapshotExtent,
  SnapshotInfo,
  SnapshotResult,
  StoredSnapshot,
} from './snapshot-format.ts';
import {
  type Removed,
  type Store,
  StoreError,
  type StoreLog,
  type StoreOptions,
  type SweepLimits,
  type Swept,
  type WriteAhead,
} from './store.ts';
import { STORED_ALERTS, STORED_ANOMALIES } from './stored-kinds.ts';
import { StoredRecords } from './stored-records.ts';
import { startWriter } from './writer.ts';

/** Replaced in tests. */
export interface StoreSeams extends Partial<StartThreads> {
  readonly checkDatabase?: typeof checkDatabase;
  /** Records of a kind held before the store is full. */
  readonly waitingMax?: number;
  /** How long a write may take, and the disk fail before records are given up, ms. */
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
  readonly held: HeldByKind;
  readonly lock: DirectoryLock;
  readonly snapshots: SnapshotFiles;
  readonly lineage: string;
  readonly log: StoreLog;
  readonly seams: StoreSeams;
}

/** The store: what waits in memory, a thread that writes, another that reads. */
class DiskStore extends StoredRecords<Anomaly> implements Store {
  readonly alerts: StoredRecords<Alert>;
  readonly #parts: DiskStoreParts;
  readonly #reads: DiskReads;
  readonly #watch: NodeJS.Timeout;
  #directoryFault: string | undefined;
  readonly lost: Promise<StoreError>;
  #isEnded = false;

  constructor(options: StoreOptions, parts: DiskStoreParts) {
    const reads = new DiskReads(options.directory, parts);
    const shared = { ...parts, options, readDisk: reads.read };
    super(STORED_ANOMALIES, shared);
    this.alerts = new StoredRecords(STORED_ALERTS, shared);
    this.#parts = parts;
    this.#reads = reads;
    this.lost = parts.lock.lost.then(async (error) => {
      await this.idle();
      return error;
    });
    this.#watch = setInterval(() => void this.#checkDirectory(), WATCH_MS).unref();
  }

  override get fault(): string | undefined {
    return super.fault ?? this.alerts.fault ?? this.#directoryFault ?? this.#reads.fault;
  }

  async idle(): Promise<void> {
    await Promise.race([this.#parts.environment.idle(), delay(IDLE_MS_MAX, undefined, UNREF)]);
  }

  override follow(journal: WriteAhead): void {
    super.follow(journal);
    this.alerts.follow(journal);
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
    if (this.#isEnded) return 0;
    this.#isEnded = true;
    this.#reads.end();
    clearInterval(this.#watch);
    try {
      const lost = (await Promise.all([this.end(), this.alerts.end()])).reduce((a, b) => a + b);
      // A writer that is stuck in a write never answers.
      const isStalled = this.isStalled || this.alerts.isStalled;
      if (!isStalled) await this.#parts.environment.close();
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
}

/** Asks the reader, a call at a time. */
class DiskReads {
  readonly #directory: string;
  readonly #parts: Pick<DiskStoreParts, 'environment' | 'log'>;
  readonly #calls = new CallQueue(READS_WAITING_MAX);
  #last: { readonly reason: string; readonly atMs: number } | undefined;
  #isEnded = false;

  constructor(directory: string, parts: Pick<DiskStoreParts, 'environment' | 'log'>) {
    this.#directory = directory;
    this.#parts = parts;
  }

  /** No failure counts any more. */
  end(): void {
    this.#isEnded = true;
  }

  /** Why a read failed lately. */
  get fault(): string | undefined {
    const last = this.#last;
    if (last === undefined || performance.now() - last.atMs > READ_FAULT_MS) return undefined;
    return `the store in ${this.#directory} cannot be read: ${last.reason}`;
  }

  readonly read: ReadDisk = async (read, otherwise, options) => {
    const { environment } = this.#parts;
    try {
      return await this.#calls.run(() => {
        const { reader } = environment;
        // Undefined while it is reopened; the write loop then reports a fault.
        if (reader === undefined) return Promise.resolve(otherwise);
        return read((...call) => reader.call(...call));
      }, options);
    } catch (error) {
      if (error instanceof CallRefusedError) throw error;
      if (!this.#isEnded) this.#note(error);
      return otherwise;
    }
  };

  #note(error: unknown): void {
    const { environment, log } = this.#parts;
    environment.noteFailure(error);
    const reason = error instanceof Error ? error.message : String(error);
    if (this.fault === undefined) {
      log.error(
        { reason, directory: this.#directory },
        'the store cannot be read; answers may lack records that are on disk',
      );
    }
    this.#last = { reason, atMs: performance.now() };
  }
}
