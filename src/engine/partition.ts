import { Move, type PriceWindow, type SymbolPlan } from '../rules/index.ts';
import { IdleWindows } from './idle-windows.ts';
import type { AnomalyProducer } from './memory/anomaly-ring.ts';
import type { ChangeSet } from './memory/change-set.ts';
import { Counter, type Counters } from './memory/counters.ts';
import type { PartitionMemory } from './memory/engine-memory.ts';
import { PlaceArena } from './memory/place-arena.ts';
import { REPLACED_FROM, ROW_VALUES, RowValue, StatisticsTable } from './memory/statistics-table.ts';
import { RecordDouble, SymbolRecords } from './memory/symbol-records.ts';
import type { TickColumns } from './memory/tick-ring.ts';
import { MovingAverage } from './moving-average.ts';
import type { PartitionRules } from './partition-rules.ts';
import { ReorderBuffer } from './reorder-buffer.ts';
import { MonotonicDeque } from './sliding-window.ts';
import { createTickScratch, TickDouble } from './tick-scratch.ts';

/** Parameters of the statistics and of the anomaly rule. */
export interface Rules {
  /** Ticks in the moving average. */
  readonly movingAverageWindow: number;
  /** Percent beyond which a move is an anomaly. */
  readonly anomalyThresholdPercent: number;
  /** Length of the sliding window, ms. */
  readonly slidingWindowMilliseconds: number;
  /** Places a deque may hold, a power of two. */
  readonly windowCapacity: number;
  /** How far a tick's time may be ahead of its receipt, ms; undefined: any distance. */
  readonly maxFutureMs?: number | undefined;
  /** Whether the anomaly rule applies; undefined: on. */
  readonly anomalyRule?: 'on' | 'off' | undefined;
  /** What a tick older than its symbol's newest means to detection; undefined: ignore. */
  readonly lateTicks?: 'ignore' | 'fold' | undefined;
  /** How long detection waits for earlier ticks, ms; undefined or 0: not at all. */
  readonly allowedLatenessMs?: number | undefined;
}

/** Receives a partition's anomalies as numbers, so that the worker makes no object. */
export type AnomalyOutput = Pick<AnomalyProducer, 'append'>;

/** Relative margin: more than any rounding error, far less than any threshold. */
const ROUNDING = 1e-12;

/** Percent points within which a change equals the threshold, as in decimal arithmetic. */
const EQUAL_WITHIN = 1e-9;

/** The window of each symbol as {@link PartitionRules} sees it. */
const { HIGHEST, LOWEST, SINCE } = Move;

/** Index of a row's number of anomalies, behind its values. */
const ANOMALIES = ROW_VALUES;

/**
 * Applies ticks: computes the statistics and decides what is an anomaly. A pure state machine over
 * the partition's memory, without clock, thread or socket, so that workers, tests, simulation and
 * replay run the same code. One thread only; nothing allocates.
 */
export class Partition {
  readonly #rules: Rules;
  readonly #table: StatisticsTable;
  readonly #average: MovingAverage;
  readonly #arena: PlaceArena;
  readonly #minima: MonotonicDeque;
  readonly #maxima: MonotonicDeque;
  readonly #counters: Counters;
  readonly #anomalies: AnomalyOutput;
  readonly #records: SymbolRecords;
  readonly #ruled: PartitionRules | undefined;
  readonly #idle: IdleWindows;
  readonly #raisesAnomalies: boolean;
  readonly #hasShortRings: boolean;
  readonly #foldsLate: boolean;
  /** Undefined: ticks are judged as they come. */
  readonly #reorder: ReorderBuffer | undefined;
  readonly #allowedLatenessMs: number;
  /**
   * Between these multiples of the window's extrema no price is an anomaly; beyond, an exact test
   * decides.
   */
  readonly #upFrom: number;
  readonly #downFrom: number;
  readonly #tick = createTickScratch();
  /** Called when the newest time of a symbol gives way: rare. */
  onTimeReplaced: (symbolId: number, time: number) => void = () => undefined;
  /** Called before {@link advanceClock} changes a symbol. */
  onClockChange: (symbolId: number) => void = () => undefined;
  /** Called before a tick that waited is judged: makes space for its anomalies. */
  makeSpace: () => void = () => undefined;
  /** The row being made, in shared memory: a successor finishes one left half written. */
  readonly #row: Float64Array;

  /**
   * @param anomalies has space for two whenever {@link apply} is called, and after each
   *   {@link makeSpace}: a tick raises at most an Up and a Down
   * @param hasShortRings whether a ring of prices may have begun after its symbol's first tick:
   *   `since` in `symbol-records.ts` is read only then
   * @param changes symbols that the next capture copies, if captures are made
   * @param ruled makes what judges by rules, if there may be any; alerts have space for
   *   ALERTS_PER_TICK whenever {@link apply} is called
   */
  constructor(
    memory: PartitionMemory,
    rules: Rules,
    counters: Counters,
    anomalies: AnomalyOutput,
    hasShortRings = false,
    changes?: ChangeSet,
    ruled?: (window: PriceWindow) => PartitionRules,
  ) {
    const { windowCapacity, movingAverageWindow } = rules;
    const arena = new PlaceArena(memory.places);
    this.#arena = arena;
    const records = new SymbolRecords(memory.records, movingAverageWindow);
    const share = rules.anomalyThresholdPercent / 100;
    this.#upFrom = (1 + share) * (1 - ROUNDING);
    this.#downFrom = (1 - share) * (1 + ROUNDING);
    this.#foldsLate = rules.lateTicks === 'fold';
    this.#rules = rules;
    this.#hasShortRings = hasShortRings;
    this.#records = records;
    this.#row = new Float64Array(memory.pendingRow);
    this.#table = new StatisticsTable(records);
    const replaced = new Float64Array(memory.pendingRow, REPLACED_FROM * 8);
    this.#average = new MovingAverage(records, movingAverageWindow, replaced);
    this.#minima = new MonotonicDeque(records, arena, 'minimum', windowCapacity);
    this.#maxima = new MonotonicDeque(records, arena, 'maximum', windowCapacity);
    this.#allowedLatenessMs = rules.allowedLatenessMs ?? 0;
    if (memory.reorder !== undefined) this.#reorder = new ReorderBuffer(memory.reorder, counters);
    this.#counters = counters;
    this.#anomalies = anomalies;
    this.#raisesAnomalies = rules.anomalyRule !== 'off';
    const minima = this.#minima;
    const maxima = this.#maxima;
    this.#ruled = ruled?.({
      extremes: (symbolId, move) => {
        minima.lookBack(symbolId, move, SINCE, LOWEST);
        maxima.lookBack(symbolId, move, SINCE, HIGHEST);
      },
    });
    const idle = new IdleWindows({ arena, table: this.#table, minima, maxima, changes });
    this.#idle = idle;
    if (this.#ruled !== undefined) idle.longestMs = this.#ruled.longestMs;
    minima.reclaimer = idle;
    maxima.reclaimer = idle;
  }

  /**
   * Prefetches the memory of ticks `from` to `to` (exclusive) before they are applied. It is
   * scattered, and a processor waits for many cache lines at a time as long as for one. Changes
   * nothing.
   *
   * @returns a value that only defeats dead-code elimination
   */
  prepare(ticks: TickColumns, from: number, to: number): number {
    let read = 0;
    for (let i = from; i < to; i++) read ^= this.#records.prefetch(ticks.symbolIds[i] as number);
    // Then the memory that the records point to.
    for (let i = from; i < to; i++) {
      const symbolId = ticks.symbolIds[i] as number;
      read ^= this.#average.prefetch(symbolId);
      read ^= this.#minima.prefetch(symbolId) ^ this.#maxima.prefetch(symbolId);
      if (this.#ruled !== undefined) read ^= this.#ruled.prefetch(symbolId);
    }
    return read;
  }

  /**
   * Applies tick number `index`: a finite price above zero, a time at or above zero. The row is
   * whole on return. The caller marks the symbol dirty.
   */
  apply(ticks: TickColumns, index: number): void {
    const symbolId = ticks.symbolIds[index] as number;
    const price = ticks.prices[index] as number;
    const time = ticks.times[index] as number;
    if (symbolId >= this.#records.symbols) throw new RangeError(`no symbol ${symbolId}`);
    const row = this.#row;
    const tick = this.#tick;
    this.#table.load(symbolId, row);
    const count = row[RowValue.COUNT] as number;
    row[RowValue.COUNT] = count + 1;
    tick[TickDouble.PRICE] = price;
    tick[TickDouble.TIME] = time;
    tick[TickDouble.TAKEN] = count;
    if (this.#hasShortRings) this.#excludeEarlier(symbolId);
    const ruled = this.#ruled;
    if (ruled !== undefined) {
      ruled.move[Move.ARRIVAL] = ticks.receivedAt[index] as number;
      ruled.move[Move.AVERAGE] = count === 0 ? 0 : (row[RowValue.AVERAGE] as number);
    }
    this.#average.push(symbolId, tick);
    row[RowValue.AVERAGE] = tick[TickDouble.AVERAGE] as number;
    if (count === 0 || price < (row[RowValue.MIN] as number)) row[RowValue.MIN] = price;
    if (count === 0 || price > (row[RowValue.MAX] as number)) row[RowValue.MAX] = price;
    const isBehind = count > 0 && time < (row[RowValue.TIME] as number);
    if (isBehind && !this.#isPoisoned(ticks.receivedAt[index] as number, time)) {
      this.#counters.add(Counter.LATE, 1);
      if (this.#reorder === undefined) this.#takeLate(symbolId);
    } else {
      if (isBehind) this.#replaceTime(symbolId);
      row[RowValue.PRICE] = price;
      row[RowValue.TIME] = time;
      if (this.#reorder === undefined) this.#detect(symbolId);
    }
    if (this.#reorder !== undefined) this.#hold(symbolId, ticks, index);
    this.#table.write(symbolId, row);
    this.#average.settled();
    this.#counters.add(Counter.APPLIED, 1);
  }

  /** Whether {@link advanceClock} may change anything now. */
  get needsClock(): boolean {
    if (this.#reorder !== undefined && this.#reorder.held > 0) return true;
    return this.#ruled?.needsClock === true;
  }

  /** Ticks that the next `count` ones may have judged, at most. */
  judgedAtMost(ticks: TickColumns, count: number): number {
    if (this.#reorder === undefined) return count;
    let judged = count;
    for (let i = 0; i < count; i++) judged += this.#reorder.size(ticks.symbolIds[i] as number);
    return judged;
  }

  /**
   * Takes a reading of the server's clock, ms since the epoch, at its place in the order of ticks:
   * ends what ends by time. Taken again after a worker died of it.
   */
  advanceClock(now: number): void {
    this.#reorder?.forEachQuiet(now - this.#allowedLatenessMs, this.#releaseQuiet);
    this.#ruled?.tellTime(now, this.onClockChange);
  }

  /** Changes to a version of the rules, at its place in the order of ticks; see `advanceClock`. */
  adoptRules(version: number, now: number): void {
    const ruled = this.#ruled;
    if (ruled === undefined) return;
    ruled.adopt(version, now, this.onClockChange);
    this.#idle.longestMs = ruled.longestMs;
  }

  /** No tick of the symbol came for as long as one is waited for: nothing waits longer. */
  readonly #releaseQuiet = (symbolId: number): void => {
    this.onClockChange(symbolId);
    this.#table.load(symbolId, this.#row);
    if (this.#ruled !== undefined) {
      this.#ruled.move[Move.AVERAGE] = this.#row[RowValue.AVERAGE] as number;
    }
    this.#releaseAll(symbolId);
    this.#table.continueAnomalies(symbolId, this.#row[ANOMALIES] as number);
  };

  /**
   * Makes a symbol's state consistent after a worker died applying a tick to it: finishes a row
   * left half written, rebuilds the sum, empties the window. Every invariant holds again; the tick
   * itself may be lost.
   *
   * @param sequence of the newest anomaly that left this partition, if it is of this symbol; else
   *   0. The row may not have counted it yet, and must not reuse its number.
   * @param alert the same of the newest alert
   */
  repair(symbolId: number, sequence: number, alert = 0): void {
    if ((this.#table.version(symbolId) & 1) !== 0) {
      this.#table.write(symbolId, this.#row);
    } else if (sequence > this.#table.anomalies(symbolId)) {
      this.#table.load(symbolId, this.#row);
      this.#row[ANOMALIES] = sequence;
      this.#table.write(symbolId, this.#row);
    }
    const count = this.#table.value(symbolId, RowValue.COUNT);
    this.#average.putBack(symbolId, count);
    this.#average.rebuild(symbolId, this.#average.filled(symbolId, count));
    this.#settleWindows(symbolId);
    this.#clearWindow(symbolId);
    this.#ruled?.repair(symbolId, alert, this.#table.value(symbolId, RowValue.TIME));
    this.#reorder?.clear(symbolId);
  }

  /**
   * Forgets a symbol: its row counts no ticks, its places are free. Only the number of its
   * anomalies stays, in case it returns before its id is given to another. Idempotent: a
   * predecessor may have died in here.
   */
  retire(symbolId: number): void {
    const anomalies = this.#table.anomalies(symbolId);
    this.#ruled?.retire(symbolId, this.#table.value(symbolId, RowValue.TIME));
    for (let i = 0; i < ROW_VALUES; i++) this.#row[i] = 0;
    this.#row[ANOMALIES] = anomalies;
    this.#table.write(symbolId, this.#row);
    this.#settleWindows(symbolId);
    this.#arena.reclaiming = symbolId;
    this.#minima.release(symbolId);
    this.#maxima.release(symbolId);
    this.#records.clearState(symbolId);
    this.#reorder?.clear(symbolId);
    this.#reorder?.startOver(symbolId);
    this.#arena.reclaiming = -1;
  }

  /** Finishes what happened to the blocks of a symbol, and of another one that it took from. */
  #settleWindows(symbolId: number): void {
    const deques = [this.#minima, this.#maxima];
    const trimmed = this.#arena.reclaiming;
    const symbols = trimmed < 0 ? [symbolId] : [symbolId, trimmed];
    this.#arena.settleWith((unit) =>
      deques.some((deque) => symbols.some((held) => deque.holds(held, unit))),
    );
    if (trimmed >= 0) for (const deque of deques) deque.clear(trimmed);
    this.#arena.reclaiming = -1;
  }

  /**
   * Whether the newest time of the symbol in #row is one that the clock at the receipt of this tick
   * did not allow: taken while the clock was ahead. A tick of a possible time is not late then.
   */
  #isPoisoned(receivedAt: number, time: number): boolean {
    const latestTime = receivedAt + (this.#rules.maxFutureMs ?? Number.POSITIVE_INFINITY);
    return (this.#row[RowValue.TIME] as number) > latestTime && time <= latestTime;
  }

  #clearWindow(symbolId: number): void {
    this.#minima.clear(symbolId);
    this.#maxima.clear(symbolId);
  }

  /** Begins a symbol's window anew: its times run back. */
  #replaceTime(symbolId: number): void {
    if (this.#reorder !== undefined) this.#releaseAll(symbolId);
    this.#reorder?.startOver(symbolId);
    this.#clearWindow(symbolId);
    this.#counters.add(Counter.TIMES_REPLACED, 1);
    const time = this.#table.value(symbolId, RowValue.TIME);
    this.#ruled?.reset(symbolId, time);
    this.onTimeReplaced(symbolId, time);
  }

  /** A tick takes no part, or not yet; a rule of silence hears of it. */
  #noteArrival(ruled: PartitionRules, symbolId: number): void {
    const plan = ruled.plan(symbolId);
    if (plan.rules.length === 0) return;
    ruled.move[Move.PRICE] = this.#row[RowValue.PRICE] as number;
    ruled.arrive(plan, symbolId);
  }

  /** Subtracts the ticks that came before the symbol's ring began. */
  #excludeEarlier(symbolId: number): void {
    const { doubles, doublesEach } = this.#records;
    const since = doubles[symbolId * doublesEach + RecordDouble.SINCE] as number;
    this.#tick[TickDouble.TAKEN] = (this.#tick[TickDouble.TAKEN] as number) - since;
  }

  /** The anomaly rule, and the rules of the symbol, for the tick in #tick, which is not late. */
  #detect(symbolId: number): void {
    const plan = this.#ruled?.plan(symbolId);
    const tick = this.#tick;
    const time = tick[TickDouble.TIME] as number;
    tick[TickDouble.OLDEST] = time - this.#longestMs(plan);
    this.#minima.push(symbolId, tick);
    this.#maxima.push(symbolId, tick);
    this.#countTruncated();
    this.#decide(symbolId, plan);
    if (plan !== undefined && plan.rules.length > 0) {
      this.#handOver().judge(plan, symbolId);
    }
  }

  /** Has tick number `index` wait for earlier ones; judges those that waited long enough. */
  #hold(symbolId: number, ticks: TickColumns, index: number): void {
    const reorder = this.#reorder as ReorderBuffer;
    const tick = this.#tick;
    tick[TickDouble.PRICE] = ticks.prices[index] as number;
    tick[TickDouble.TIME] = ticks.times[index] as number;
    tick[TickDouble.ARRIVED] = ticks.receivedAt[index] as number;
    reorder.hold(symbolId, tick);
    if (this.#ruled !== undefined) {
      this.#ruled.move[Move.ARRIVAL] = tick[TickDouble.ARRIVED] as number;
      this.#noteArrival(this.#ruled, symbolId);
    }
    tick[TickDouble.WATERMARK] = (this.#row[RowValue.TIME] as number) - this.#allowedLatenessMs;
    while (reorder.tryTake(symbolId, tick)) this.#judgeReleased(symbolId);
    if (!reorder.isOverfull(symbolId)) return;
    this.#counters.add(Counter.RELEASED_EARLY, 1);
    tick[TickDouble.WATERMARK] = Number.POSITIVE_INFINITY;
    if (reorder.tryTake(symbolId, tick)) this.#judgeReleased(symbolId);
  }

  #releaseAll(symbolId: number): void {
    const reorder = this.#reorder as ReorderBuffer;
    const tick = this.#tick;
    tick[TickDouble.WATERMARK] = Number.POSITIVE_INFINITY;
    while (reorder.tryTake(symbolId, tick)) this.#judgeReleased(symbolId);
  }

  /** Judges the tick in #tick, which waited. */
  #judgeReleased(symbolId: number): void {
    this.makeSpace();
    // Its arrival was noted when it came.
    if (this.#ruled !== undefined) this.#ruled.move[Move.ARRIVAL] = Number.NaN;
    if (this.#reorder?.isBehind(symbolId, this.#tick) !== true) {
      this.#detect(symbolId);
      return;
    }
    this.#counters.add(Counter.MISSED, 1);
    if (this.#foldsLate) this.#fold(symbolId);
  }

  /** The tick in #tick is older than the newest, in #row. */
  #takeLate(symbolId: number): void {
    const tick = this.#tick;
    if (this.#ruled !== undefined) this.#noteArrival(this.#ruled, symbolId);
    if (!this.#foldsLate) return;
    tick[TickDouble.NEWEST_TIME] = this.#row[RowValue.TIME] as number;
    tick[TickDouble.NEWEST_PRICE] = this.#row[RowValue.PRICE] as number;
    this.#fold(symbolId);
  }

  /** Puts the late tick in #tick into the window, and judges its NEWEST once more. */
  #fold(symbolId: number): void {
    const plan = this.#ruled?.plan(symbolId);
    const tick = this.#tick;
    const time = tick[TickDouble.TIME] as number;
    const newest = tick[TickDouble.NEWEST_TIME] as number;
    const oldest = newest - this.#longestMs(plan);
    if (time < oldest) return;
    tick[TickDouble.OLDEST] = oldest;
    this.#minima.insert(symbolId, tick);
    this.#maxima.insert(symbolId, tick);
    this.#counters.add(Counter.FOLDED, 1);
    this.#countTruncated();
    tick[TickDouble.PRICE] = tick[TickDouble.NEWEST_PRICE] as number;
    tick[TickDouble.TIME] = newest;
    // The window of a rule may reach back further than that of anomalies, which says nothing then.
    if (time >= newest - this.#rules.slidingWindowMilliseconds) this.#decide(symbolId, plan);
    if (plan !== undefined && plan.rules.length > 0) {
      this.#handOver().judgeAgain(plan, symbolId);
    }
  }

  /** The longest window that a symbol needs, ms. */
  #longestMs(plan: SymbolPlan | undefined): number {
    const { slidingWindowMilliseconds } = this.#rules;
    const isLonger = plan !== undefined && plan.windowMs > slidingWindowMilliseconds;
    return isLonger ? plan.windowMs : slidingWindowMilliseconds;
  }

  /** Hands the tick in #tick to the rules. */
  #handOver(): PartitionRules {
    const ruled = this.#ruled as PartitionRules;
    ruled.move[Move.PRICE] = this.#tick[TickDouble.PRICE] as number;
    ruled.move[Move.TIME] = this.#tick[TickDouble.TIME] as number;
    return ruled;
  }

  /** The anomaly rule for the tick in #tick, by its window's extrema. */
  #decide(symbolId: number, plan: SymbolPlan | undefined): void {
    if (!this.#raisesAnomalies) return;
    const tick = this.#tick;
    const windowMs = this.#rules.slidingWindowMilliseconds;
    if (plan !== undefined && plan.windowMs > windowMs) this.#narrow(symbolId);
    const price = tick[TickDouble.PRICE] as number;
    // Equal prices are judged, too: a product may be rounded to one, as often below 1e-307.
    if (price >= (tick[TickDouble.MINIMUM] as number) * this.#upFrom) this.#judge(symbolId, 1);
    if (price <= (tick[TickDouble.MAXIMUM] as number) * this.#downFrom) this.#judge(symbolId, -1);
  }

  /** The deques reach back further than the anomaly rule does: finds the extremes of its window. */
  #narrow(symbolId: number): void {
    const tick = this.#tick;
    const time = tick[TickDouble.TIME] as number;
    tick[TickDouble.OLDEST] = time - this.#rules.slidingWindowMilliseconds;
    this.#minima.lookBack(symbolId, tick, TickDouble.OLDEST, TickDouble.MINIMUM);
    this.#maxima.lookBack(symbolId, tick, TickDouble.OLDEST, TickDouble.MAXIMUM);
  }

  #countTruncated(): void {
    const truncated = this.#minima.truncated + this.#maxima.truncated;
    if (truncated === 0) return;
    this.#counters.add(Counter.TRUNCATED, truncated);
    this.#minima.truncated = 0;
    this.#maxima.truncated = 0;
  }

  /**
   * Raises an anomaly if the tick in #tick moved too far from the window's minimum (1) or maximum
   * (-1).
   */
  #judge(symbolId: number, direction: 1 | -1): void {
    const row = this.#row;
    const extremum = direction === 1 ? TickDouble.MINIMUM : TickDouble.MAXIMUM;
    const reference = this.#tick[extremum] as number;
    const price = this.#tick[TickDouble.PRICE] as number;
    const change = ((price - reference) / reference) * 100;
    if (!isBeyond(change, this.#rules.anomalyThresholdPercent)) return;
    const sequence = (row[ANOMALIES] as number) + 1;
    row[ANOMALIES] = sequence;
    this.#counters.add(direction === 1 ? Counter.UP : Counter.DOWN, 1);
    const time = this.#tick[TickDouble.TIME] as number;
    // Prices may be so far apart that the change overflows: it must stay a number on every wire.
    const percent = Math.min(change, Number.MAX_VALUE);
    this.#anomalies.append(symbolId, sequence, direction, reference, price, percent, time);
  }
}

/** Whether a change is strictly beyond the threshold, both in percent, as in decimal arithmetic. */
function isBeyond(change: number, thresholdPercent: number): boolean {
  return Math.abs(change) - thresholdPercent > EQUAL_WITHIN;
}
