import type { Anomaly } from '../../src/engine/index.ts';
import type { Store } from '../../src/store/index.ts';
import type {
  SnapshotExtent,
  SnapshotInfo,
  SnapshotResult,
  StoredSnapshot,
} from '../../src/store/snapshot-format.ts';
import type { AnomalyPage, Swept, SymbolPage, SymbolRange } from '../../src/store/store.ts';
import { type Scheduler, Thread } from '../core/scheduler.ts';
import type { DiskSnapshot, SimulatedDisk } from './simulated-disk.ts';

/** The range of a write's duration, ms. */
const FLUSH_MS = [1, 45] as const;
const SNAPSHOT_MS = [5, 400] as const;
/** The range of a query's duration, ms. */
const READ_MS = [0.1, 30] as const;
/** Anomalies that may wait to be written: few, so that workers wait for the disk now and then. */
const WAITING_MAX = 64;
/** A write that failed is tried again after this, ms. */
const RETRY_MS = 300;

/**
 * A store on a {@link SimulatedDisk}: durable after a while, not at all while the disk has a fault.
 */
export class SimulatedStore implements Store {
  readonly droppedCount = 0;
  readonly lineage = 'simulated';
  readonly lost = new Promise<never>(() => {});
  readonly removed = { age: 0, perSymbol: 0 };
  readonly claim = undefined;
  readonly recoveryPosition = undefined;
  readonly #disk: SimulatedDisk;
  readonly #scheduler: Scheduler;
  /** Not durable yet, oldest first; and by symbol, the last sequence among them. */
  #waiting: readonly Anomaly[] = [];
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
    // Not changed in place: queries hold what waited when they were asked.
    this.#waiting = [...this.#waiting, anomaly];
    this.#lasts.set(anomaly.symbol, anomaly.sequence);
    this.#flushSoon();
  }

  follow(): void {}

  noteFailure(): void {}

  idle(): Promise<void> {
    return Promise.resolve();
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

  page(range: SymbolRange): Promise<SymbolPage> {
    const waiting = this.#waiting;
    const last = this.lastSequence(range.symbol);
    return this.#read(() => ({
      first: this.#of(range.symbol, waiting)[0]?.sequence ?? last + 1,
      items: this.#inRange(range, waiting),
    }));
  }

  ranges(ranges: readonly SymbolRange[]): Promise<readonly (readonly Anomaly[])[]> {
    const waiting = this.#waiting;
    return this.#read(() => ranges.map((range) => this.#inRange(range, waiting)));
  }

  #inRange({ symbol, from, limit }: SymbolRange, waiting: readonly Anomaly[]): Anomaly[] {
    const found = this.#of(symbol, waiting).filter(({ sequence }) => sequence >= from);
    return found.slice(0, limit);
  }

  /** The disk is read later; what waited to be written when it was asked is known. */
  #read<T>(read: () => T): Promise<T> {
    return new Promise((resolve) => {
      this.#later(READ_MS, 'the disk is read', () => resolve(read()));
    });
  }

  between(): Promise<AnomalyPage> {
    throw new Error('the simulation leaves HTTP out');
  }

  recent(): never {
    throw new Error('the simulation leaves HTTP out');
  }

  arrivedFrom(): never {
    throw new Error('the simulation leaves HTTP out');
  }

  /** The simulation retires no symbols, so that it need not tell which came after a snapshot. */
  readonly nextOrdinal = 0;

  forget(): void {
    // As above.
  }

  lastSequences(): Promise<Iterable<[symbol: string, sequence: number]>> {
    this.#scheduler.hasMicrotasks = true;
    const symbols = [...this.#disk.anomalies.keys()];
    return Promise.resolve(symbols.map((symbol) => [symbol, this.lastSequence(symbol)]));
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
        const reason = this.#finishSnapshot(snapshot);
        if (reason !== undefined) {
          resolve({ isSaved: false, reason });
          return;
        }
        if (isFull) this.snapshotBase = snapshot;
        const bytes = copies.reduce((sum, { length }) => sum + length, 0);
        resolve({ isSaved: true, number, isFull, bytes, durationMs: 0 });
      });
    });
  }

  /** Returns what failed. */
  #finishSnapshot(snapshot: DiskSnapshot): string | undefined {
    const disk = this.#disk;
    if (disk.fails('write')) return 'write';
    if (disk.fails('rename')) {
      disk.snapshots = disk.snapshots.filter((other) => other !== snapshot);
      return 'rename';
    }
    snapshot.isWhole = true;
    if (disk.fails('sync')) return 'sync';
    if (disk.fails('remove')) return 'remove';
    disk.prune();
    return undefined;
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
    if (!this.#disk.fails('append')) this.#write();
    this.#scheduler.hasMicrotasks = true;
    return Promise.resolve(this.#waiting.length);
  }

  #of(symbol: string, waiting: readonly Anomaly[]): readonly Anomaly[] {
    const durable = this.#disk.anomalies.get(symbol) ?? [];
    const last = this.#disk.lastSequence(symbol);
    const isOwn = (anomaly: Anomaly) => anomaly.symbol === symbol && anomaly.sequence > last;
    return [...durable, ...waiting.filter(isOwn)];
  }

  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#later(FLUSH_MS, 'anomalies are written', () => this.#flush());
  }

  #flush(): void {
    this.#isFlushing = false;
    const isRefused = this.#disk.fails('append');
    const isDurable = !isRefused && !this.#disk.fails('answer');
    this.#fault = isDurable ? undefined : 'the disk fails';
    if (isDurable) this.#write();
    else {
      if (!isRefused) this.#commit();
      this.#scheduler.after(RETRY_MS, Thread.MAIN, 'the disk is tried again', () =>
        this.#flushSoon(),
      );
    }
    const settled = this.#onFlushed;
    this.#onFlushed = [];
    for (const resolve of settled) resolve(isDurable);
  }

  #write(): void {
    this.#commit();
    this.#waiting = [];
    this.#lasts.clear();
  }

  /** Writing again what is on disk changes nothing. */
  #commit(): void {
    const disk = this.#disk;
    for (const anomaly of this.#waiting) {
      if (anomaly.sequence > disk.lastSequence(anomaly.symbol)) disk.write(anomaly);
    }
  }

  #later([min, max]: readonly [number, number], label: string, run: () => void): void {
    const delayMs = (min + (max - min) * this.#scheduler.random.float()) * this.#disk.slowness;
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
