import type { Alert, Anomaly, RaisedRecord } from '../../src/protocol/index.ts';
import type {
  SnapshotExtent,
  SnapshotInfo,
  SnapshotResult,
  StoredSnapshot,
} from '../../src/store/snapshot-format.ts';
import type {
  RecordStore,
  Store,
  Swept,
  SymbolPage,
  SymbolRange,
  TimePage,
  WriteAhead,
} from '../../src/store/store.ts';

interface Saved {
  readonly info: SnapshotInfo;
  readonly chunks: readonly Uint8Array[];
  readonly base: Saved | undefined;
}

/** What survives a crash, in memory. */
export class MemoryStoreDisk {
  anomalies: Anomaly[] = [];
  alerts: Alert[] = [];
  snapshots: Saved[] = [];

  /** Everything before it was on disk in the journal when the newest snapshot was saved. */
  syncedPosition = 0;
}

/** Records of a kind in memory; takes back what a crash may. */
class MemoryRecords<R extends RaisedRecord> implements RecordStore<R> {
  readonly droppedCount = 0;
  readonly space = Number.POSITIVE_INFINITY;
  readonly lineage = 'memory';
  readonly #held: R[];
  protected journal: WriteAhead | undefined;
  /** Appended in this run, each with the position in the journal behind its causes. */
  readonly #appended: { readonly record: R; readonly position: number }[] = [];
  readonly #last = new Map<string, number>();
  /** Those that were flushed: a snapshot relies on them. */
  #flushed = 0;

  constructor(held: R[]) {
    this.#held = held;
    for (const { symbol, sequence } of held) this.#last.set(symbol, sequence);
  }

  /** Leaves what was flushed, and of the rest at most so many, up to a position of the journal. */
  keep(position: number, kept: number): void {
    const written = this.#appended.slice(0, Math.max(kept, this.#flushed));
    const held = written.filter((each) => each.position <= position);
    this.#held.push(...held.map(({ record }) => record));
  }

  get appendedCount(): number {
    return this.#appended.length;
  }

  follow(journal: WriteAhead): void {
    this.journal = journal;
  }

  append(record: R): void {
    if (record.sequence <= this.lastSequence(record.symbol)) return;
    this.#last.set(record.symbol, record.sequence);
    this.#appended.push({ record, position: this.journal?.position ?? 0 });
  }

  lastSequence(symbol: string): number {
    return this.#last.get(symbol) ?? 0;
  }

  lastSequences(ordinal = 0): Promise<Iterable<[symbol: string, sequence: number]>> {
    const recent = [...this.#held, ...this.#appended.map(({ record }) => record)];
    const symbols = recent.slice(ordinal).map(({ symbol }) => symbol);
    return Promise.resolve(new Map(symbols.map((symbol) => [symbol, this.lastSequence(symbol)])));
  }

  get nextOrdinal(): number {
    return this.#held.length + this.#appended.length;
  }

  get waitingCount(): number {
    return 0;
  }

  flushed(): Promise<boolean> {
    this.#flushed = this.#appended.length;
    return Promise.resolve(true);
  }

  forget(): void {}

  arrivedFrom(): Promise<never[]> {
    return Promise.resolve([]);
  }

  page(): Promise<SymbolPage<R>> {
    return Promise.resolve({ first: 1, items: [] });
  }

  ranges(ranges: readonly SymbolRange[]): Promise<never[][]> {
    return Promise.resolve(ranges.map(() => []));
  }

  recent(): Promise<never[]> {
    return Promise.resolve([]);
  }

  between(): Promise<TimePage<R>> {
    return Promise.resolve({ items: [], next: undefined });
  }
}

/** A store that keeps everything in memory, and takes back what a crash may. */
export class MemoryStore extends MemoryRecords<Anomaly> implements Store {
  readonly fault = undefined;
  readonly lost = new Promise<never>(() => {});
  readonly claim = undefined;
  readonly removed = { age: 0, perSymbol: 0 };
  readonly recoveryPosition = 0;
  readonly alerts: MemoryRecords<Alert>;
  readonly #disk: MemoryStoreDisk;
  #base: Saved | undefined;

  constructor(disk: MemoryStoreDisk) {
    super(disk.anomalies);
    this.alerts = new MemoryRecords(disk.alerts);
    this.#disk = disk;
  }

  /** A crash at a position of the journal: what is left of each kind becomes the disk. */
  crash(position: number, kept: number): void {
    this.keep(position, kept);
    this.alerts.keep(position, kept);
  }

  override follow(journal: WriteAhead): void {
    super.follow(journal);
    this.alerts.follow(journal);
  }

  get hasSnapshotBase(): boolean {
    return this.#base !== undefined;
  }

  saveSnapshot(
    chunks: Iterable<Uint8Array>,
    info: SnapshotInfo,
    extent: SnapshotExtent,
  ): Promise<SnapshotResult> {
    const copies = [...chunks].map((chunk) => Uint8Array.from(chunk));
    const isFull = extent === 'full';
    const saved = { info, chunks: copies, base: isFull ? undefined : this.#base };
    if (isFull) this.#base = saved;
    this.#disk.snapshots.push(saved);
    this.#disk.syncedPosition = this.journal?.syncedPosition ?? 0;
    const number = this.#disk.snapshots.length;
    return Promise.resolve({ isSaved: true, number, isFull, bytes: 1000, durationMs: 1 });
  }

  loadSnapshot(check?: (snapshot: StoredSnapshot) => void): StoredSnapshot | undefined {
    const saved = this.#disk.snapshots.at(-1);
    if (saved === undefined) return undefined;
    const snapshot = storedSnapshot(saved, this.#disk.snapshots.length);
    check?.(snapshot);
    return snapshot;
  }

  noteFailure(error: unknown): void {
    throw error;
  }

  keepSnapshot(): void {}

  idle(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<number> {
    return Promise.resolve(0);
  }

  sweep(): Promise<Swept> {
    return Promise.resolve({ age: 0, perSymbol: 0, heldBack: 0 });
  }
}

function storedSnapshot({ info, chunks, base }: Saved, number: number): StoredSnapshot {
  return {
    number,
    path: `snapshot ${number}`,
    info,
    base: base && storedSnapshot(base, number),
    *chunks() {
      for (const chunk of chunks) yield Uint8Array.from(chunk);
    },
  };
}
