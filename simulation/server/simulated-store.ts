import type { Anomaly } from '../../src/engine/index.ts';
import type { Store } from '../../src/store/index.ts';
import type {
  SnapshotExtent,
  SnapshotInfo,
  SnapshotResult,
  StoredSnapshot,
} from '../../src/store/snapshot-format.ts';
import { readSnapshotHeader } from '../../src/store/snapshots.ts';
import type {
  Swept,
  SymbolPage,
  SymbolRange,
  TimePage,
  WriteAhead,
} from '../../src/store/store.ts';
import { STORED_ANOMALIES } from '../../src/store/stored-kinds.ts';
import { WriteLoop } from '../../src/store/write-behind.ts';
import { WriteBuffer } from '../../src/store/write-buffer.ts';
import { NO_ALERTS } from '../../testkit/no-alerts.ts';
import { type Scheduler, Thread } from '../core/scheduler.ts';
import type { JournalOracle } from '../oracles/journal-oracle.ts';
import type { World } from '../world.ts';
import type { DiskSnapshot, SimulatedDisk } from './simulated-disk.ts';

/** The range of a write's duration, ms. */
const FLUSH_MS = [1, 45] as const;
const SNAPSHOT_MS = [5, 400] as const;
/** The range of a query's duration, ms. */
const READ_MS = [0.1, 30] as const;
/** Anomalies that may wait to be written: few, so that workers wait for the disk now and then. */
const WAITING_MAX = 64;
const LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };

/**
 * A store on a {@link SimulatedDisk}: durable after a while, not at all while the disk has a fault.
 * What waits for the journal and the disk, and for how long, is the real store's.
 */
export class SimulatedStore implements Store {
  readonly alerts = NO_ALERTS;
  readonly droppedCount = 0;
  readonly lineage = 'simulated';
  readonly lost = new Promise<never>(() => {});
  readonly removed = { age: 0, perSymbol: 0 };
  readonly claim = undefined;
  readonly #disk: SimulatedDisk;
  readonly #scheduler: Scheduler;
  readonly #journal: JournalOracle;
  readonly #waiting = new WriteBuffer<Anomaly>(0, WAITING_MAX);
  readonly #loop: WriteLoop<Anomaly>;
  /** By symbol, the last sequence of this process. */
  readonly #lasts = new Map<string, number>();
  /** The last full snapshot of this process. */
  snapshotBase: DiskSnapshot | undefined;

  constructor({ disk, journal, scenario, scheduler }: World) {
    this.#disk = disk;
    this.#scheduler = scheduler;
    this.#journal = journal;
    const { store } = scenario.config;
    const environment = { write: () => this.#write() };
    this.#loop = new WriteLoop(STORED_ANOMALIES, store, environment, this.#waiting, LOG);
  }

  /** The oldest that a start may need: of the snapshots that are kept. */
  get recoveryPosition(): number | undefined {
    const positions = this.#disk.snapshots
      .filter(({ isWhole }) => isWhole)
      .map(({ info }) => readSnapshotHeader(info).journal?.position ?? 0);
    return positions.length === 0 ? undefined : Math.min(...positions);
  }

  get fault(): string | undefined {
    return this.#loop.fault;
  }

  get waitingCount(): number {
    return this.#waiting.count;
  }

  /** While a worker waits in the middle of a step, no promise is kept: it must not wait for one. */
  get space(): number {
    return this.#scheduler.isInterrupting ? Number.POSITIVE_INFINITY : this.#waiting.space;
  }

  append(anomaly: Anomaly): void {
    const { sequence, symbol } = anomaly;
    if (sequence <= this.lastSequence(symbol)) {
      const stored = this.#disk.anomalies.get(symbol)?.find((one) => one.sequence === sequence);
      this.#journal.raisedAgain(anomaly, stored);
      return;
    }
    this.#lasts.set(symbol, sequence);
    this.#waiting.append(anomaly, this.#loop.journal?.position);
    this.#loop.schedule();
  }

  follow(journal: WriteAhead): void {
    this.#loop.journal = journal;
  }

  noteFailure(): void {}

  idle(): Promise<void> {
    return Promise.resolve();
  }

  flushed(): Promise<boolean> {
    this.#scheduler.hasMicrotasks = true;
    return this.#loop.flushed();
  }

  lastSequence(symbol: string): number {
    return this.#lasts.get(symbol) ?? this.#disk.lastSequence(symbol);
  }

  page(range: SymbolRange): Promise<SymbolPage<Anomaly>> {
    const waiting = this.#ofWaiting(range.symbol);
    const last = this.lastSequence(range.symbol);
    return this.#read(() => ({
      first: this.#of(range.symbol, waiting)[0]?.sequence ?? last + 1,
      items: this.#inRange(range, waiting),
    }));
  }

  ranges(ranges: readonly SymbolRange[]): Promise<readonly (readonly Anomaly[])[]> {
    const waiting = ranges.map(({ symbol }) => this.#ofWaiting(symbol));
    return this.#read(() =>
      ranges.map((range, index) => this.#inRange(range, waiting[index] as readonly Anomaly[])),
    );
  }

  /** Those of a symbol that wait now. */
  #ofWaiting(symbol: string): readonly Anomaly[] {
    return this.#waiting.ofSymbol(symbol).flat();
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

  between(): Promise<TimePage<Anomaly>> {
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
    this.#scheduler.hasMicrotasks = true;
    return this.#loop.close();
  }

  #of(symbol: string, waiting: readonly Anomaly[]): readonly Anomaly[] {
    const durable = this.#disk.anomalies.get(symbol) ?? [];
    const last = this.#disk.lastSequence(symbol);
    return [...durable, ...waiting.filter(({ sequence }) => sequence > last)];
  }

  /** A transaction of the batch that the loop has taken. */
  #write(): Promise<void> {
    const items = [...(this.#waiting.oldest[0]?.items ?? [])];
    return new Promise((resolve, reject) => {
      this.#later(FLUSH_MS, 'anomalies are written', () => {
        const isRefused = this.#disk.fails('append');
        const isTold = !isRefused && !this.#disk.fails('answer');
        if (!isRefused) this.#commit(items);
        if (isTold) resolve();
        else reject(new Error('the disk fails'));
      });
    });
  }

  /** Writing again what is on disk changes nothing. */
  #commit(items: readonly Anomaly[]): void {
    const disk = this.#disk;
    for (const anomaly of items) {
      if (anomaly.sequence <= disk.lastSequence(anomaly.symbol)) continue;
      this.#journal.stored(anomaly);
      disk.write(anomaly);
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
