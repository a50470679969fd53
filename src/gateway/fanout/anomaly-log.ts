import type { Anomaly, Engine, SymbolTable } from '../../engine/index.ts';
import type { Store } from '../../store/index.ts';
import { type AnomalyRecord, type PastAnomaly, SymbolAnomalies } from './symbol-anomalies.ts';

/** An anomaly with its symbol's name. */
export interface NamedAnomaly extends PastAnomaly {
  readonly symbol: string;
}

/** The most recent anomalies of all symbols together that are kept in memory. */
const RECENT_OF_ALL_MAX = 1000;

/** The ordinal of those that came before the start: which came first, symbols aside, is not known. */
const BEFORE_START = -1;

/** Sends anomalies on to sessions. */
export interface AnomalyObserver {
  /** The log holds a new anomaly of a symbol. */
  anomalyAppended(symbolId: number): void;
  /** Anomalies were appended outside of {@link AnomalyLog.append}: they have become durable. */
  anomaliesDurable(): void;
}

/** Keeps anomalies beyond memory. */
export interface AnomalyDisk {
  /** Gets every anomaly. */
  readonly store: Store;
  /** Whether sessions get an anomaly only once it is durable. */
  readonly isAwaited: boolean;
}

/**
 * The anomalies: recent ones in memory, which sessions are sent from, all of them in the store, where there is one. Without a
 * store, history is what memory holds.
 */
export class AnomalyLog {
  /** Anomalies of a symbol that are kept in memory. */
  readonly perSymbolMax: number;
  readonly #symbols: Pick<SymbolTable, 'name'>;
  readonly #disk: AnomalyDisk | undefined;
  #observer: AnomalyObserver | undefined;
  readonly #bySymbol = new Map<number, SymbolAnomalies>();
  readonly #recent: AnomalyRecord[] = [];
  /** In `sync` mode, what is on its way to the disk. */
  #undurable: AnomalyRecord[] = [];
  #isAwaitingDisk = false;
  #ordinal = 0;

  /**
   * Numbering goes on after the anomalies that the engine's symbols have.
   *
   * @param disk undefined: memory is all there is
   */
  constructor(
    { statistics, symbols }: Pick<Engine, 'statistics' | 'symbols'>,
    perSymbolMax: number,
    disk?: AnomalyDisk,
  ) {
    this.perSymbolMax = perSymbolMax;
    this.#symbols = symbols;
    this.#disk = disk;
    for (let symbolId = 0; symbolId < symbols.size; symbolId++) {
      const last = statistics.anomalies(symbolId);
      if (last > 0) this.#bySymbol.set(symbolId, new SymbolAnomalies(last));
    }
  }

  /** Sets the one observer. */
  observe(observer: AnomalyObserver): void {
    this.#observer = observer;
  }

  /** Whether anomalies wait to become durable before sessions are told. */
  get isWaiting(): boolean {
    return this.#isAwaitingDisk;
  }

  readonly append = (anomaly: Anomaly, symbolId: number): void => {
    const { sequence, direction, reference, price, changePercent, time } = anomaly;
    const values = { sequence, direction, reference, price, changePercent, time };
    const record: AnomalyRecord = { symbolId, ...values, ordinal: this.#ordinal++ };
    const disk = this.#disk;
    disk?.store.append(anomaly);
    if (!disk?.isAwaited) {
      this.#take(record);
      return;
    }
    this.#undurable.push(record);
    if (!this.#isAwaitingDisk) void this.#awaitDisk(disk);
  };

  /** The sequence of a symbol's newest anomaly; 0 when it has none. */
  last(symbolId: number): number {
    return this.#bySymbol.get(symbolId)?.last ?? 0;
  }

  /** The oldest sequence of a symbol that {@link past} can tell; 1 when it has none. */
  first(symbolId: number): number {
    const held = this.#bySymbol.get(symbolId);
    if (held === undefined) return 1;
    const kept = this.#disk?.store.firstSequence(this.#symbols.name(symbolId)) ?? held.first;
    return Math.min(held.first, kept);
  }

  /** Up to `limit` anomalies of a symbol that memory holds, with sequences from `from` on, oldest first. */
  held(symbolId: number, from: number, limit = Number.POSITIVE_INFINITY): readonly AnomalyRecord[] {
    const known = this.#bySymbol.get(symbolId);
    if (known === undefined) return [];
    const isCut = from < known.first && !known.isRecalled;
    const held = isCut ? this.#recall(symbolId, known) : known;
    const records: AnomalyRecord[] = [];
    const start = Math.max(from, held.first);
    for (let sequence = start; sequence <= held.last && records.length < limit; sequence++) {
      records.push(held.get(symbolId, sequence));
    }
    return records;
  }

  /** Up to `limit` anomalies of a symbol with sequences from `from` on, oldest first, from memory or the store. */
  past(symbolId: number, from: number, limit: number): readonly PastAnomaly[] {
    const disk = this.#disk;
    const held = this.#bySymbol.get(symbolId);
    if (held === undefined) return [];
    if (disk === undefined || from >= held.first) return this.held(symbolId, from, limit);
    // The store has what no session was told of yet, too.
    const known = disk.store.from(this.#symbols.name(symbolId), from, limit);
    return known.filter(({ sequence }) => sequence <= held.last);
  }

  /** The most recent anomalies of wanted symbols, newest first; without a store, of the last {@link RECENT_OF_ALL_MAX} of all. */
  recent(limit: number, isWanted: (name: string) => boolean): readonly NamedAnomaly[] {
    if (this.#disk !== undefined) return this.#disk.store.recent(limit, isWanted);
    const recent: NamedAnomaly[] = [];
    for (const record of this.#recent.slice(-RECENT_OF_ALL_MAX).reverse()) {
      if (recent.length === limit) break;
      const named = this.#named(record);
      if (isWanted(named.symbol)) recent.push(named);
    }
    return recent;
  }

  // After a start, memory has none of those that came before: whoever asks for what it missed would not get them.
  #recall(symbolId: number, held: SymbolAnomalies): SymbolAnomalies {
    const older = this.#older(symbolId, held);
    held.isRecalled = true;
    if (older.length === 0) return held;
    const { perSymbolMax } = this;
    const recalled = new SymbolAnomalies(held.first - older.length - 1);
    recalled.isRecalled = true;
    for (const anomaly of older) {
      recalled.append({ ...anomaly, symbolId, ordinal: BEFORE_START }, perSymbolMax);
    }
    for (let sequence = held.first; sequence <= held.last; sequence++) {
      recalled.append(held.get(symbolId, sequence), perSymbolMax);
    }
    this.#bySymbol.set(symbolId, recalled);
    return recalled;
  }

  /** As many of the store's as there is room for before those held, without a hole. */
  #older(symbolId: number, { first, last }: SymbolAnomalies): readonly PastAnomaly[] {
    const disk = this.#disk;
    const room = this.perSymbolMax - (last - first + 1);
    const from = Math.max(1, first - room);
    if (disk === undefined || from >= first) return [];
    const stored = disk.store.from(this.#symbols.name(symbolId), from, first - from);
    const known = stored.filter(({ sequence }) => sequence < first);
    // What a full disk or a crash left out cuts off those before it.
    return known.filter(({ sequence }, index) => sequence === first - known.length + index);
  }

  #named(record: AnomalyRecord): NamedAnomaly {
    const { symbolId, sequence, direction, reference, price, changePercent, time } = record;
    const symbol = this.#symbols.name(symbolId);
    return { symbol, sequence, direction, reference, price, changePercent, time };
  }

  #take(record: AnomalyRecord): void {
    let held = this.#bySymbol.get(record.symbolId);
    if (held === undefined) {
      held = new SymbolAnomalies(record.sequence - 1);
      this.#bySymbol.set(record.symbolId, held);
    }
    held.append(record, this.perSymbolMax);
    this.#recent.push(record);
    // Cut in strides: a shift an anomaly would move the whole array each time.
    if (this.#recent.length >= 2 * RECENT_OF_ALL_MAX) this.#recent.splice(0, RECENT_OF_ALL_MAX);
    this.#observer?.anomalyAppended(record.symbolId);
  }

  // A disk that fails holds nobody up: the store keeps what waits in memory, and says so.
  async #awaitDisk({ store }: AnomalyDisk): Promise<void> {
    this.#isAwaitingDisk = true;
    while (this.#undurable.length > 0) {
      const records = this.#undurable;
      this.#undurable = [];
      await store.flushed();
      for (const record of records) this.#take(record);
      this.#observer?.anomaliesDurable();
    }
    this.#isAwaitingDisk = false;
  }
}
