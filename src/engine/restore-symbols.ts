import { ChangeSet } from './memory/change-set.ts';
import { Counter, Counters } from './memory/counters.ts';
import { DirtySet } from './memory/dirty-set.ts';
import type { CaptureMemory, PartitionMemory } from './memory/engine-memory.ts';
import { PLACE_DOUBLES, PlaceArena } from './memory/place-arena.ts';
import { ReorderBuffers, type ReorderMemory, waitingSymbols } from './memory/reorder-memory.ts';
import { ROW_VALUES, RowValue, StatisticsTable } from './memory/statistics-table.ts';
import { RecordDouble, SymbolRecords } from './memory/symbol-records.ts';
import { TimedSymbols } from './memory/timed-symbols.ts';
import { MovingAverage } from './moving-average.ts';
import { validateName } from './name-space.ts';
import { RuleStateRestorer } from './rule-states.ts';
import type { Rules } from './rules.ts';
import { MonotonicDeque } from './sliding-window.ts';
import { type AnomalyCount, type SymbolState, validateState } from './symbol-state.ts';
import { type SymbolTable, UNKNOWN_SYMBOL } from './symbol-table.ts';
import { createTickScratch, TickDouble, type TickScratch } from './tick-scratch.ts';

/** Called for a symbol that cannot be restored; `symbol` may not be a valid name. */
export type SetAside = (symbol: string, fault: string) => void;

/** The memory that symbols are restored into. */
export interface RestoredMemory {
  readonly memory: readonly PartitionMemory[];
  /** By partition; empty where no captures are made. */
  readonly captures: readonly CaptureMemory[];
  readonly rules: Rules;
  /** The rule file in force; undefined: there is none. */
  readonly ruleText?: string | undefined;
}

const encoder = new TextEncoder();

/**
 * Gives each symbol an id and writes its state into memory that no worker runs on yet, adapted to
 * the current rules. A symbol may come with a state and with a count of anomalies, in either order:
 * the greater count holds. A symbol whose state is impossible is set aside: it has no ticks, but
 * its anomalies are numbered on.
 *
 * @param setAside gets each of those, and invalid names; if absent, they are errors
 * @returns by partition, whether it has a symbol whose ring of prices began after its first tick
 * @throws RangeError when there are more symbols than the table can hold
 * @throws Error when a name is invalid, a state is impossible, or a symbol has two, unless there is
 *   `setAside`
 */
export function restoreSymbols(
  restored: Iterable<SymbolState | AnomalyCount>,
  symbols: SymbolTable,
  to: RestoredMemory,
  setAside: SetAside = refuse,
): readonly boolean[] {
  const restorer = new Restorer(symbols, to, setAside);
  const left = new Set<string>();
  let isStateLeft = false;
  for (const item of restored) {
    if (restorer.tryRestore(item)) continue;
    left.add(item.symbol);
    // A count alone may be left: it is in the store.
    isStateLeft ||= 'count' in item;
  }
  if (!isStateLeft) return restorer.hasShortRings();
  const count = symbols.size + left.size;
  throw new RangeError(`cannot restore ${count} symbols: maxSymbols is ${symbols.size}`);
}

function refuse(symbol: string, fault: string): never {
  throw new Error(`cannot restore symbol "${symbol}": ${fault}`);
}

class Restorer {
  readonly #setAside: SetAside;
  readonly #symbols: SymbolTable;
  readonly #rules: Rules;
  readonly #records: SymbolRecords;
  readonly #table: StatisticsTable;
  readonly #average: MovingAverage;
  readonly #dirty: DirtySet;
  readonly #partitions: readonly RestoredPartition[];
  readonly #row = new Float64Array(ROW_VALUES + 1);
  readonly #one = new Int32Array(1);
  readonly #tick = createTickScratch();
  readonly #ruleStates: RuleStateRestorer | undefined;

  constructor(
    symbols: SymbolTable,
    { memory, captures, rules, ruleText }: RestoredMemory,
    setAside: SetAside,
  ) {
    const [first] = memory as [PartitionMemory];
    this.#setAside = setAside;
    this.#symbols = symbols;
    this.#rules = rules;
    this.#records = new SymbolRecords(first.records, rules.movingAverageWindow);
    this.#table = new StatisticsTable(this.#records);
    this.#average = new MovingAverage(this.#records, rules.movingAverageWindow);
    this.#dirty = new DirtySet(first.dirty, this.#records.symbols);
    this.#partitions = memory.map(
      (own, partition) => new RestoredPartition(this.#records, own, captures[partition], rules),
    );
    const ruled = first.rules;
    if (ruled !== undefined && ruleText !== undefined) {
      this.#ruleStates = new RuleStateRestorer(ruled, ruleText);
    }
  }

  /** False when the symbol table is full. */
  tryRestore(item: SymbolState | AnomalyCount): boolean {
    const { symbol } = item;
    const fault = validateName(symbol);
    if (fault !== undefined) {
      this.#setAside(symbol, `it ${fault}`);
      return true;
    }
    const symbolId = this.#idOf(symbol);
    if (symbolId === UNKNOWN_SYMBOL) return false;
    const partition = this.#partitions[this.#symbols.partition(symbolId)] as RestoredPartition;
    const known = this.#table.anomalies(symbolId);
    if (!Number.isSafeInteger(item.anomalies) || item.anomalies < 0) {
      this.#setAside(symbol, `${item.anomalies} anomalies`);
      return true;
    }
    if ('count' in item && item.count !== 0) this.#restore(symbolId, item, partition);
    this.#table.continueAnomalies(symbolId, Math.max(item.anomalies, known));
    partition.mark(symbolId);
    return true;
  }

  hasShortRings(): readonly boolean[] {
    return this.#partitions.map((partition) => partition.hasShortRings);
  }

  #idOf(symbol: string): number {
    const known = this.#symbols.findName(symbol);
    if (known !== UNKNOWN_SYMBOL) return known;
    if (this.#symbols.isFull()) return UNKNOWN_SYMBOL;
    const bytes = encoder.encode(symbol);
    return this.#symbols.register(bytes, 0, bytes.length);
  }

  #restore(symbolId: number, state: SymbolState, partition: RestoredPartition): void {
    const isTwice = this.#table.version(symbolId) !== 0;
    const fault = isTwice ? 'it has two states' : validateState(state);
    if (fault !== undefined) {
      this.#setAside(state.symbol, fault);
      return;
    }
    partition.restoreWindow(symbolId, state);
    partition.restoreDetection(symbolId, state, this.#tick);
    const row = this.#row;
    row[RowValue.PRICE] = state.price;
    row[RowValue.COUNT] = state.count;
    row[RowValue.TIME] = state.time;
    row[RowValue.MIN] = state.min;
    row[RowValue.MAX] = state.max;
    this.#restoreRing(symbolId, state, partition);
    this.#average.writeMean(symbolId, this.#average.filled(symbolId, state.count), this.#tick);
    row[RowValue.AVERAGE] = this.#tick[TickDouble.AVERAGE] as number;
    this.#table.write(symbolId, row);
    if (state.rules !== undefined) {
      const { owner } = partition;
      const { price, rules, symbol } = state;
      const isTimed = this.#ruleStates?.restore(symbolId, symbol, rules, owner, price);
      if (isTimed === true) partition.addTimed(symbolId);
    }
    this.#one[0] = symbolId;
    this.#dirty.markAll(this.#one, 0, 1);
  }

  /** Restores the ring of prices, and the sum from it; a smaller ring gets the newest prices. */
  #restoreRing(
    symbolId: number,
    { count, averaging: { prices, taken } }: SymbolState,
    partition: RestoredPartition,
  ): void {
    const { doubles, doublesEach } = this.#records;
    const record = symbolId * doublesEach;
    const window = this.#rules.movingAverageWindow;
    const kept = Math.min(prices.length, window);
    // A full ring looks as if it had taken every tick; any other must know where it began.
    const since = kept === window ? 0 : count - kept;
    if (since > 0) partition.hasShortRings = true;
    doubles[record + RecordDouble.SINCE] = since;
    for (let i = 1; i <= kept; i++) {
      const place = (count - since - i) % window;
      doubles[record + RecordDouble.PRICES + place] = prices[(taken - i) % prices.length] as number;
    }
    this.#average.rebuild(symbolId, kept);
  }
}

/** The part of a symbol's state in its partition's own memory. */
class RestoredPartition {
  hasShortRings = false;
  readonly #minima: MonotonicDeque;
  readonly #maxima: MonotonicDeque;
  readonly #counters: Counters;
  readonly #changes: ChangeSet | undefined;
  readonly #reorder: ReorderMemory | undefined;
  readonly #windowMs: number;
  readonly #timed: TimedSymbols | undefined;
  /** Number of the partition, from 1. */
  readonly owner: number;

  constructor(
    records: SymbolRecords,
    memory: PartitionMemory,
    captures: CaptureMemory | undefined,
    { windowCapacity, slidingWindowMilliseconds }: Rules,
  ) {
    this.#reorder = memory.reorder;
    this.#windowMs = slidingWindowMilliseconds;
    const arena = new PlaceArena(memory.places);
    this.#minima = new MonotonicDeque(records, arena, 'minimum', windowCapacity);
    this.#maxima = new MonotonicDeque(records, arena, 'maximum', windowCapacity);
    this.#counters = new Counters(memory.counters);
    this.#changes = captures && new ChangeSet(captures.changes);
    this.#timed = memory.rules && new TimedSymbols(memory.rules.timed);
    this.owner = arena.owner;
  }

  /** The clock concerns the symbol. */
  addTimed(symbolId: number): void {
    this.#timed?.add(symbolId);
  }

  /**
   * Restores both deques. Drops the oldest places where memory runs out, as when a deque cannot
   * grow.
   */
  restoreWindow(symbolId: number, { minima, maxima }: SymbolState): void {
    this.#minima.restore(symbolId, minima);
    this.#maxima.restore(symbolId, maxima);
    this.#countTruncated();
  }

  #countTruncated(): void {
    this.#counters.add(Counter.TRUNCATED, this.#minima.truncated + this.#maxima.truncated);
    this.#minima.truncated = 0;
    this.#maxima.truncated = 0;
  }

  /**
   * Restores the ticks that wait for earlier ones. Those that may wait no more enter the window
   * unjudged: the buffer is smaller now, or there is none.
   */
  restoreDetection(symbolId: number, state: SymbolState, tick: TickScratch): void {
    const { price, time, detection } = state;
    const held = detection?.held ?? new Float64Array(0);
    const room = this.#reorder === undefined ? 0 : PLACE_DOUBLES * this.#reorder.ticks;
    const released = Math.max(0, held.length - room);
    // Without a buffer every tick was judged at once.
    let newest = detection === undefined ? { time, price } : detection.newest;
    for (let i = 0; i < released; i += PLACE_DOUBLES) {
      const next = { time: held[i] as number, price: held[i + 1] as number };
      if (newest !== undefined && next.time < newest.time) continue;
      newest = next;
      this.#enter(symbolId, next, tick);
    }
    this.#countTruncated();
    if (this.#reorder === undefined) return;
    const { buffers, ticks } = this.#reorder;
    const left = held.slice(released);
    const arrivedAt = detection?.arrivedAt ?? 0;
    new ReorderBuffers(buffers, ticks).write(symbolId, { newest, arrivedAt, held: left });
    if (left.length > 0) waitingSymbols(this.#reorder).mark(symbolId);
  }

  #enter(
    symbolId: number,
    { time, price }: { readonly time: number; readonly price: number },
    tick: TickScratch,
  ): void {
    tick[TickDouble.TIME] = time;
    tick[TickDouble.PRICE] = price;
    tick[TickDouble.OLDEST] = time - this.#windowMs;
    this.#minima.push(symbolId, tick);
    this.#maxima.push(symbolId, tick);
  }

  mark(symbolId: number): void {
    this.#changes?.mark(symbolId);
  }
}
