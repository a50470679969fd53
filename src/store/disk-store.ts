import type { DirectoryLock } from './directory-lock.ts';
import type { DiskHistory } from './disk-history.ts';
import type { Environment } from './environment.ts';
import { History } from './history.ts';
import type { SnapshotInfo, SnapshotResult, StoredSnapshot } from './snapshot-file.ts';
import type { Snapshots } from './snapshots.ts';
import type { AnomalyPage, Store, StoreLog, StoreOptions, TimeRange } from './store.ts';
import { StoreError } from './store-error.ts';
import { checkAnomaly, type StoredAnomaly } from './stored-anomaly.ts';
import { WaitingAnomalies } from './waiting-anomalies.ts';
import { WriteLoop } from './write-loop.ts';

/** Held while the disk fails; some 20 MB. */
const WAITING_MAX = 65_536;
const DAY_MS = 86_400_000;
/** How long a read that failed is shown as the store's fault. */
const READ_FAULT_MS = 60_000;

export interface DiskStoreParts {
  readonly environment: Environment;
  readonly disk: DiskHistory;
  readonly lock: DirectoryLock;
  readonly snapshots: Snapshots;
  readonly log: StoreLog;
  readonly waitingMax: number | undefined;
}

/** The store: memory in front, a thread that writes, a memory map to read. */
export class DiskStore implements Store {
  readonly #options: StoreOptions;
  readonly #parts: DiskStoreParts;
  readonly #waiting: WaitingAnomalies;
  readonly #history: History;
  readonly #loop: WriteLoop;
  readonly #last: Map<string, number>;
  #readFault: { readonly reason: string; readonly atMs: number } | undefined;
  #droppedCount = 0;
  #isClosed = false;

  constructor(options: StoreOptions, parts: DiskStoreParts) {
    const { disk, environment, log, waitingMax } = parts;
    this.#options = options;
    this.#parts = parts;
    this.#last = disk.lastSequences();
    this.#waiting = new WaitingAnomalies(disk.nextOrdinal(), waitingMax ?? WAITING_MAX);
    this.#history = new History(this.#readDisk, this.#waiting);
    this.#loop = new WriteLoop(options, environment, this.#waiting, log);
  }

  get fault(): string | undefined {
    return this.#loop.fault ?? this.#recentReadFault();
  }

  get droppedCount(): number {
    return this.#droppedCount;
  }

  get waitingCount(): number {
    return this.#waiting.count;
  }

  append(anomaly: StoredAnomaly): void {
    checkAnomaly(anomaly);
    if (anomaly.sequence <= this.lastSequence(anomaly.symbol)) return;
    if (this.#isClosed) throw new StoreError('the store is closed');
    this.#last.set(anomaly.symbol, anomaly.sequence);
    const count = this.#waiting.append(anomaly);
    if (count > 0) {
      this.#droppedCount += count;
      this.#parts.log.warn({ count }, 'anomalies are given up: the disk has failed for too long');
    }
    this.#loop.schedule();
  }

  async flushed(): Promise<boolean> {
    return this.#loop.flushed();
  }

  lastSequence(symbol: string): number {
    return this.#last.get(symbol) ?? 0;
  }

  firstSequence(symbol: string): number {
    return this.#history.first(symbol, this.lastSequence(symbol) + 1);
  }

  from(symbol: string, sequence: number, limit: number): readonly StoredAnomaly[] {
    return this.#history.from(symbol, sequence, limit);
  }

  before(symbol: string, sequence: number, limit: number): readonly StoredAnomaly[] {
    return this.#history.before(symbol, sequence, limit);
  }

  between(range: TimeRange): AnomalyPage {
    return this.#history.between(range);
  }

  recent(limit: number, isWanted?: (symbol: string) => boolean): readonly StoredAnomaly[] {
    return this.#history.recent(limit, isWanted);
  }

  lastSequences(): IterableIterator<[symbol: string, sequence: number]> {
    return this.#last.entries();
  }

  async prune(now: number): Promise<number> {
    const { retentionDays, retentionPerSymbol } = this.#options;
    if (retentionDays === 0 && retentionPerSymbol === 0) return 0;
    const oldestTime = retentionDays === 0 ? 0 : now - retentionDays * DAY_MS;
    return this.#parts.environment.prune({ oldestTime, perSymbol: retentionPerSymbol });
  }

  async saveSnapshot(
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    info: SnapshotInfo,
  ): Promise<SnapshotResult> {
    return this.#parts.snapshots.save(chunks, info);
  }

  loadSnapshot(): StoredSnapshot | undefined {
    return this.#parts.snapshots.load();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      await this.#loop.close();
      await this.#parts.environment.close();
    } finally {
      this.#parts.lock.release();
    }
  }

  readonly #readDisk = <T>(read: (disk: DiskHistory) => T, otherwise: T): T => {
    const { environment, log } = this.#parts;
    // Undefined while it is opened anew, which the loop's fault tells of.
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
          'the store cannot be read: answers may lack what is on disk',
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
