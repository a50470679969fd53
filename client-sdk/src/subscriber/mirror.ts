import { Field, FULL } from '../../../src/protocol/index.ts';
import type { SymbolSnapshot, SymbolStatistics } from './symbol-statistics.ts';

/** A symbol of the mirror: plain data, whose doubles are changed in place. */
type Row = { -readonly [Name in keyof SymbolStatistics]: SymbolStatistics[Name] };

/**
 * The state of each subscribed symbol, updated entry by entry. Symbols survive a lost connection,
 * though not as live, and end with the epoch.
 */
export class Mirror {
  readonly #rows = new Map<number, Row>();
  readonly #names = new Map<number, string>();
  readonly #ids = new Map<string, number>();
  /** Symbol → `lastUpdateTime` of its first entry, ms since the Unix epoch. */
  readonly #firstTimes = new Map<string, number>();
  /** Ids of the symbols that this session has brought. */
  readonly #current = new Set<number>();
  #isLagging = false;
  readonly #snapshots = new WeakMap<Row, SymbolSnapshot>();
  #changes: Row[] = [];

  get(symbol: string): SymbolStatistics | undefined {
    return this.#rows.get(this.#ids.get(symbol) ?? -1);
  }

  /** A frozen copy; the same one until a field changes. */
  snapshot(symbol: string): SymbolSnapshot | undefined {
    const row = this.get(symbol);
    if (row === undefined) return undefined;
    const last = this.#snapshots.get(row);
    if (last !== undefined && isEqual(last, row)) return last;
    const snapshot = Object.freeze({ ...row });
    this.#snapshots.set(row, snapshot);
    return snapshot;
  }

  /** Symbols with data, live or not, in no particular order. */
  symbols(): IterableIterator<SymbolStatistics> {
    return this.#rows.values();
  }

  /** Symbol → `lastUpdateTime` of its first entry; of symbols with data. */
  get firstTimes(): ReadonlyMap<string, number> {
    return this.#firstTimes;
  }

  /** The name of an id, once a SYMBOLS frame has declared it. */
  nameOf(symbolId: number): string | undefined {
    return this.#names.get(symbolId);
  }

  /**
   * Takes the content of a SYMBOLS frame: alternating ids and symbols.
   *
   * @returns ids that are gone: their symbols were retired unnoticed, and have other ids now
   */
  learnNames(idsAndNames: readonly unknown[]): readonly number[] {
    const gone: number[] = [];
    for (let i = 0; i + 1 < idsAndNames.length; i += 2) {
      const symbolId = idsAndNames[i] as number;
      const symbol = idsAndNames[i + 1] as string;
      const before = this.#ids.get(symbol);
      if (before !== undefined && before !== symbolId) gone.push(before);
      this.#names.set(symbolId, symbol);
      this.#ids.set(symbol, symbolId);
    }
    return gone;
  }

  /** Forgets ids and what they stood for. Returns the symbols. */
  retire(symbolIds: readonly number[]): readonly string[] {
    const symbols: string[] = [];
    for (const symbolId of symbolIds) {
      const symbol = this.#names.get(symbolId);
      if (symbol === undefined) continue;
      symbols.push(symbol);
      this.#names.delete(symbolId);
      if (this.#ids.get(symbol) === symbolId) this.#ids.delete(symbol);
      this.#drop(symbolId);
    }
    return symbols;
  }

  /**
   * Applies the entries of a STATS frame.
   *
   * @returns what changed, in the order of the entries; the next call reuses the array
   * @throws RangeError if an entry is truncated, a delta precedes the session's full entry, or an
   *   id has no name
   */
  apply(entries: readonly number[]): readonly SymbolStatistics[] {
    const changes = this.#changes;
    changes.length = 0;
    let at = 0;
    while (at < entries.length) {
      const symbolId = next(entries, at++);
      const mask = next(entries, at++);
      const isFull = (mask & FULL) !== 0;
      const held = this.#rows.get(symbolId);
      if (!isFull && !this.#current.has(symbolId)) {
        throw new RangeError(`delta of symbol ${symbolId} before its full entry`);
      }
      const row = held ?? this.#newRow(symbolId);
      row.changed = mask;
      row.previousPrice = row.currentPrice;
      row.previousUpdateCount = row.updateCount;
      row.previousUpdateTime = row.lastUpdateTime;
      if (isFull) {
        Object.assign(row, NOTHING_KNOWN);
        this.#current.add(symbolId);
      }
      if (mask & Field.PRICE) row.currentPrice = next(entries, at++);
      if (mask & Field.AVERAGE) row.movingAverage = next(entries, at++);
      if (mask & Field.COUNT)
        row.updateCount = next(entries, at++) + (isFull ? 0 : row.updateCount);
      if (mask & Field.TIME) {
        row.lastUpdateTime = next(entries, at++) + (isFull ? 0 : row.lastUpdateTime);
      }
      if (mask & Field.MIN) row.minPrice = next(entries, at++);
      if (mask & Field.MAX) row.maxPrice = next(entries, at++);
      if (held === undefined) this.#firstTimes.set(row.symbol, row.lastUpdateTime);
      row.isLive = !this.#isLagging;
      changes.push(row);
    }
    return changes;
  }

  /** The connection is lost: nothing is live until the next one brings it. */
  disconnect(): void {
    for (const row of this.#rows.values()) row.isLive = false;
    this.#current.clear();
  }

  /** While data comes late, nothing is live. */
  setLagging(isLagging: boolean): void {
    if (isLagging === this.#isLagging) return;
    this.#isLagging = isLagging;
    for (const row of this.currentRows()) row.isLive = !isLagging;
  }

  /** A new epoch: drops every id and all state. Symbols handed out before are never live again. */
  reset(): void {
    this.disconnect();
    this.#rows.clear();
    this.#names.clear();
    this.#ids.clear();
    this.#firstTimes.clear();
    this.#changes = [];
  }

  /**
   * Drops the state of every symbol that `isKept` refuses. Names stay: the server sends each only
   * once.
   */
  retain(isKept: (symbol: string) => boolean): void {
    for (const { symbolId, symbol } of this.#rows.values()) {
      if (!isKept(symbol)) this.#drop(symbolId);
    }
  }

  /** The symbols that this session has brought, in no particular order. */
  currentRows(): Row[] {
    return [...this.#current].map((symbolId) => this.#rows.get(symbolId) as Row);
  }

  #newRow(symbolId: number): Row {
    const symbol = this.#names.get(symbolId);
    if (symbol === undefined) throw new RangeError(`symbol id ${symbolId} has no name`);
    const row: Row = { symbol, symbolId, ...NOTHING_KNOWN, ...NOTHING_BEFORE };
    this.#rows.set(symbolId, row);
    return row;
  }

  /** What was handed out of the symbol is never live again. */
  #drop(symbolId: number): void {
    const row = this.#rows.get(symbolId);
    if (row === undefined) return;
    row.isLive = false;
    this.#rows.delete(symbolId);
    this.#current.delete(symbolId);
    this.#firstTimes.delete(row.symbol);
  }
}

const NOTHING_KNOWN = {
  currentPrice: NaN,
  movingAverage: NaN,
  updateCount: NaN,
  lastUpdateTime: NaN,
  minPrice: NaN,
  maxPrice: NaN,
};

const NOTHING_BEFORE = {
  previousPrice: NaN,
  previousUpdateCount: NaN,
  previousUpdateTime: NaN,
  changed: 0,
  isLive: false,
};

function next(entries: readonly number[], at: number): number {
  const value = entries[at];
  if (value === undefined) throw new RangeError('a STATS entry is cut off');
  return value;
}

function isEqual(a: SymbolStatistics, b: SymbolStatistics): boolean {
  return (Object.keys(a) as (keyof SymbolStatistics)[]).every((name) =>
    Object.is(a[name], b[name]),
  );
}
