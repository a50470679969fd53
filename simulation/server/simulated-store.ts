import type { Anomaly } from '../../src/engine/index.ts';
import type { Store } from '../../src/store/index.ts';
import type {
  SnapshotExtent,
  SnapshotInfo,
  SnapshotResult,
  StoredSnapshot,
} from '../../src/store/snapshot-format.ts';
import type { AnomalyPage, Swept } from '../../src/store/store.ts';
import { type Scheduler, Thread } from '../core/scheduler.ts';

export interface DiskSnapshot {
  readonly number: number;
  readonly info: SnapshotInfo;
  readonly chunks: readonly Uint8Array[];
  /** The full one that holds what did not change; undefined if this one is full. */
  readonly base: DiskSnapshot | undefined;
  /** False while it is being written, and for good when the process died meanwhile. */
  isWhole: boolean;
}

/** What outlives a process: durable anomalies by symbol, and the last snapshots. */
export class SimulatedDisk {
  readonly anomalies = new Map<string, Anomaly[]>();
  snapshots: DiskSnapshot[] = [];
  /** Why nothing can be written; undefined when it can. */
  fault: string | undefined;

  /** The newest snapshot that is whole. */
  get newest(): DiskSnapshot | undefined {
    return this.snapshots.findLast(({ isWhole }) => isWhole);
  }

  lastSequence(symbol: string): number {
    return this.anomalies.get(symbol)?.at(-1)?.sequence ?? 0;
  }

  write(anomaly: Anomaly): void {
    const own = this.anomalies.get(anomaly.symbol);
    if (own === undefined) this.anomalies.set(anomaly.symbol, [anomaly]);
    else own.push(anomaly);
  }

  /** Keeps two whole snapshots, and torn ones behind them. */
  prune(): void {
    const kept = this.snapshots.filter(({ isWhole }) => isWhole).slice(-2);
    const first = kept[0]?.number ?? 0;
    this.snapshots = this.snapshots.filter(({ number }) => number >= first);
  }
}

/** The range of a write's duration, ms. */
const FLUSH_MS = [1, 45] as const;
const SNAPSHOT_MS = [5, 400] as const;
/** Anomalies that may wait to be written: few, so that workers wait for the disk now and then. */
const WAITING_MAX = 64;
/** A write that failed is tried again after this, ms. */
const RETRY_MS = 300;

/**
 * A store on a {@link SimulatedDisk}: durable after a while, not at all while the disk has a fault.
 */
export class SimulatedStore implements Store {
  readonly droppedCount = 0;
  readonly lost = new Promise<never>(() => {});
  readonly removed = { age: 0, perSymbol: 0 };
  readonly #disk: SimulatedDisk;
  readonly #scheduler: Scheduler;
  /** Not durable yet, oldest first; and by symbol, the last sequence among them. */
  #waiting: Anomaly[] = [];
  readonly #lasts = new Map<string, number>();
  #onFlushed: ((isDurable: boolean) => void)[] = [];
  #isFlushing = false;
  /** The last full snapshot of this process. */
  snapshotBase: DiskSnapshot | undefined;
  #fault: string | undefined;

  constructor(disk: SimulatedDisk, scheduler: Scheduler) {
    this.#disk = disk;
    this.#scheduler = scheduler;
  }

  get fault(): string | undefined {
    return this.#fault;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  get space(): number {
    return Math.max(0, WAITING_MAX - this.#waiting.length);
  }

  append(anomaly: Anomaly): void {
    if (anomaly.sequence <= this.lastSequence(anomaly.symbol)) return;
    this.#waiting.push(anomaly);
    this.#lasts.set(anomaly.symbol, anomaly.sequence);
    this.#flushSoon();
  }

  flushed(): Promise<boolean> {
    if (this.#waiting.length === 0) {
      this.#scheduler.hasMicrotasks = true;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      this.#onFlushed.push(resolve);
    });
  }

  lastSequence(symbol: string): number {
    return this.#lasts.get(symbol) ?? this.#disk.lastSequence(symbol);
  }

  firstSequence(symbol: string): number {
    return this.#of(symbol)[0]?.sequence ?? this.lastSequence(symbol) + 1;
  }

  from(symbol: string, sequence: number, limit: number): readonly Anomaly[] {
    const found = this.#of(symbol).filter((anomaly) => anomaly.sequence >= sequence);
    return found.slice(0, limit);
  }

  before(symbol: string, sequence: number, limit: number): readonly Anomaly[] {
    const found = this.#of(symbol).filter((anomaly) => anomaly.sequence < sequence);
    return limit === 0 ? [] : found.slice(-limit);
  }

  between(): Promise<AnomalyPage> {
    throw new Error('the simulation leaves HTTP out');
  }

  recent(): readonly Anomaly[] {
    throw new Error('the simulation leaves HTTP out');
  }

  /** The simulation retires no symbols, so that it need not tell which came after a snapshot. */
  readonly nextOrdinal = 0;

  forget(): void {
    // As above.
  }

  *lastSequences(): Generator<[symbol: string, sequence: number]> {
    for (const symbol of this.#disk.anomalies.keys()) yield [symbol, this.lastSequence(symbol)];
  }

  sweep(): Promise<Swept> {
    return Promise.resolve({ age: 0, perSymbol: 0, heldBack: 0 });
  }

  saveSnapshot(
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    info: SnapshotInfo,
    extent: SnapshotExtent,
  ): Promise<SnapshotResult> {
    const isFull = extent === 'full';
    const base = isFull ? undefined : this.snapshotBase;
    if (!isFull && base === undefined) throw new Error('changes since no snapshot');
    const disk = this.#disk;
    const number = (disk.snapshots.at(-1)?.number ?? 0) + 1;
    const copies = [...(chunks as Iterable<Uint8Array>)].map((chunk) => Uint8Array.from(chunk));
    const snapshot: DiskSnapshot = { number, info, chunks: copies, base, isWhole: false };
    disk.snapshots.push(snapshot);
    return new Promise((resolve) => {
      this.#later(SNAPSHOT_MS, 'snapshot is written', () => {
        if (disk.fault !== undefined) {
          disk.snapshots = disk.snapshots.filter((other) => other !== snapshot);
          resolve({ isSaved: false, reason: disk.fault });
          return;
        }
        snapshot.isWhole = true;
        if (isFull) this.snapshotBase = snapshot;
        disk.prune();
        const bytes = copies.reduce((sum, { length }) => sum + length, 0);
        resolve({ isSaved: true, number, isFull, bytes, durationMs: 0 });
      });
    });
  }

  loadSnapshot(): StoredSnapshot | undefined {
    const { newest } = this.#disk;
    return newest && storedOf(newest);
  }

  get hasSnapshotBase(): boolean {
    return this.snapshotBase !== undefined;
  }

  keepSnapshot(number: number): void {
    throw new Error(`a symbol of snapshot ${number} cannot be restored`);
  }

  close(): Promise<number> {
    if (this.#disk.fault === undefined) this.#write();
    this.#scheduler.hasMicrotasks = true;
    return Promise.resolve(this.#waiting.length);
  }

  #of(symbol: string): readonly Anomaly[] {
    const durable = this.#disk.anomalies.get(symbol) ?? [];
    return [...durable, ...this.#waiting.filter((anomaly) => anomaly.symbol === symbol)];
  }

  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#later(FLUSH_MS, 'anomalies are written', () => this.#flush());
  }

  #flush(): void {
    this.#isFlushing = false;
    const isDurable = this.#disk.fault === undefined;
    this.#fault = this.#disk.fault;
    if (isDurable) this.#write();
    else
      this.#scheduler.after(RETRY_MS, Thread.MAIN, 'the disk is tried again', () =>
        this.#flushSoon(),
      );
    const settled = this.#onFlushed;
    this.#onFlushed = [];
    for (const resolve of settled) resolve(isDurable);
  }

  #write(): void {
    for (const anomaly of this.#waiting) this.#disk.write(anomaly);
    this.#waiting = [];
    this.#lasts.clear();
  }

  #later([min, max]: readonly [number, number], label: string, run: () => void): void {
    const delayMs = min + (max - min) * this.#scheduler.random.float();
    this.#scheduler.after(delayMs, Thread.MAIN, label, () => {
      this.#scheduler.hasMicrotasks = true;
      run();
    });
  }
}

function storedOf({ number, info, chunks, base }: DiskSnapshot): StoredSnapshot {
  return {
    number,
    path: `snapshot ${number}`,
    info,
    *chunks() {
      yield* chunks.map((chunk) => Uint8Array.from(chunk));
    },
    base: base && storedOf(base),
  };
}
