import { Move, type NewestAlert, type PriceWindow, type SymbolPlan } from '../rules/index.ts';
import { type AnomalyOutput, AnomalyRule } from './anomaly-rule.ts';
import { IdleWindows } from './idle-windows.ts';
import type { ChangeSet } from './memory/change-set.ts';
import { Counter, type Counters } from './memory/counters.ts';
import type { PartitionMemory } from './memory/engine-memory.ts';
import { PlaceArena } from './memory/place-arena.ts';
import { RowValue, type StatisticsTable } from './memory/statistics-table.ts';
import type { SymbolRecords } from './memory/symbol-records.ts';
import type { TickColumns } from './memory/tick-ring.ts';
import type { PartitionRules } from './partition-rules.ts';
import { ReorderBuffer } from './reorder-buffer.ts';
import type { Rules } from './rules.ts';
import { MonotonicDeque } from './sliding-window.ts';
import { TickDouble, type TickScratch } from './tick-scratch.ts';
import { WindowBudget } from './window-budget.ts';

/** Makes what judges by rules. */
export type CreateRules = (window: PriceWindow) => PartitionRules;

/** What detection shares with the statistics of its partition. */
export interface DetectionParts {
  readonly memory: PartitionMemory;
  readonly rules: Rules;
  readonly records: SymbolRecords;
  readonly table: StatisticsTable;
  readonly counters: Counters;
  readonly anomalies: AnomalyOutput;
  /** Symbols that the next capture copies, if captures are made. */
  readonly changes: ChangeSet | undefined;
  /** Undefined: there are no rules. */
  readonly createRules: CreateRules | undefined;
  /** The tick being applied, and the row of its symbol, which it is in already. */
  readonly tick: TickScratch;
  readonly row: Float64Array;
}

/** The window of each symbol as {@link PartitionRules} sees it. */
const { HIGHEST, LOWEST, SINCE } = Move;

/**
 * Judges ticks: keeps each symbol's sliding window, and has the anomaly rule and the symbol's rules
 * look at it; late ticks, and the buffer that waits for them. One thread only; nothing allocates.
 */
export class Detection {
  /** Undefined: there are none. */
  readonly ruled: PartitionRules | undefined;
  /** Undefined: ticks are judged as they come. */
  readonly reorder: ReorderBuffer | undefined;
  /** Called before a tick that waited is judged: makes space for its anomalies. */
  makeSpace: () => void = () => undefined;
  readonly #arena: PlaceArena;
  readonly #records: SymbolRecords;
  readonly #minima: MonotonicDeque;
  readonly #maxima: MonotonicDeque;
  readonly #counters: Counters;
  /** Undefined: it is off. */
  readonly #anomalyRule: AnomalyRule | undefined;
  readonly #windowMs: number;
  readonly #foldsLate: boolean;
  readonly #allowedLatenessMs: number;
  readonly #tick: TickScratch;
  readonly #row: Float64Array;

  constructor(parts: DetectionParts) {
    const { anomalies, changes, counters, memory, records, row, rules, table, tick } = parts;
    const arena = new PlaceArena(memory.places);
    const minima = new MonotonicDeque(records, arena, 'minimum', rules.windowCapacity);
    const maxima = new MonotonicDeque(records, arena, 'maximum', rules.windowCapacity);
    this.#arena = arena;
    this.#records = records;
    this.#minima = minima;
    this.#maxima = maxima;
    this.#counters = counters;
    this.#tick = tick;
    this.#row = row;
    this.#windowMs = rules.slidingWindowMilliseconds;
    this.#foldsLate = rules.lateTicks === 'fold';
    this.#allowedLatenessMs = rules.allowedLatenessMs ?? 0;
    if (memory.reorder !== undefined) this.reorder = new ReorderBuffer(memory.reorder, counters);
    if (rules.anomalyRule !== 'off') {
      this.#anomalyRule = new AnomalyRule(rules, row, tick, counters, anomalies);
    }
    this.ruled = parts.createRules?.({
      extremes: (symbolId, move) => {
        minima.lookBack(symbolId, move, SINCE, LOWEST);
        maxima.lookBack(symbolId, move, SINCE, HIGHEST);
      },
    });
    const windows = { arena, records, table, minima, maxima, changes, ruled: this.ruled };
    if (arena.placesMax > 0) {
      minima.budget = new WindowBudget(windows);
      maxima.budget = minima.budget;
    } else {
      minima.reclaimer = new IdleWindows(windows);
      maxima.reclaimer = minima.reclaimer;
    }
  }

  /** Prefetches what a symbol's record points to. */
  prefetch(symbolId: number): number {
    const read = this.#minima.prefetch(symbolId) ^ this.#maxima.prefetch(symbolId);
    return this.ruled === undefined ? read : read ^ this.ruled.prefetch(symbolId);
  }

  /** Judges the tick, which is not late, by the symbol's rules too, if any apply. */
  take(symbolId: number, plan: SymbolPlan | undefined): void {
    const tick = this.#tick;
    tick[TickDouble.OLDEST] = (tick[TickDouble.TIME] as number) - this.#longestMs(plan);
    this.#minima.push(symbolId, tick);
    this.#maxima.push(symbolId, tick);
    if (this.#minima.truncated + this.#maxima.truncated > 0) this.#countTruncated();
    if (plan !== undefined) this.#handOver();
    this.#judgeAnomaly(symbolId, plan);
    if (plan !== undefined) this.ruled?.judge(plan, symbolId);
  }

  /** The tick is older than the newest, in the row. */
  takeLate(symbolId: number, plan: SymbolPlan | undefined): void {
    const tick = this.#tick;
    if (plan !== undefined) this.#noteArrival(symbolId, plan);
    if (!this.#foldsLate) return;
    tick[TickDouble.NEWEST_TIME] = this.#row[RowValue.TIME] as number;
    tick[TickDouble.NEWEST_PRICE] = this.#row[RowValue.PRICE] as number;
    this.#fold(symbolId, plan);
  }

  /** Has tick number `index` wait for earlier ones; judges those that waited long enough. */
  hold(
    reorder: ReorderBuffer,
    symbolId: number,
    plan: SymbolPlan | undefined,
    ticks: TickColumns,
    index: number,
  ): void {
    const tick = this.#tick;
    tick[TickDouble.PRICE] = ticks.prices[index] as number;
    tick[TickDouble.TIME] = ticks.times[index] as number;
    tick[TickDouble.ARRIVED] = ticks.receivedAt[index] as number;
    reorder.hold(symbolId, tick);
    if (plan !== undefined) {
      // Ticks judged since it came were of another time.
      (this.ruled as PartitionRules).move[Move.ARRIVAL] = tick[TickDouble.ARRIVED] as number;
      this.#noteArrival(symbolId, plan);
    }
    tick[TickDouble.WATERMARK] = (this.#row[RowValue.TIME] as number) - this.#allowedLatenessMs;
    while (reorder.tryTake(symbolId, tick)) this.#judgeReleased(reorder, symbolId, plan);
    if (!reorder.isOverfull(symbolId)) return;
    this.#counters.add(Counter.RELEASED_EARLY, 1);
    tick[TickDouble.WATERMARK] = Number.POSITIVE_INFINITY;
    if (reorder.tryTake(symbolId, tick)) this.#judgeReleased(reorder, symbolId, plan);
  }

  /** Ticks that the next `count` ones may have judged, at most. */
  judgedAtMost(ticks: TickColumns, count: number): number {
    if (this.reorder === undefined) return count;
    let judged = count;
    for (let i = 0; i < count; i++) judged += this.reorder.size(ticks.symbolIds[i] as number);
    return judged;
  }

  /** Calls `visit` for each symbol whose ticks have waited long enough for others, at `now`. */
  forEachQuiet(now: number, visit: (symbolId: number) => void): void {
    this.reorder?.forEachQuiet(now - this.#allowedLatenessMs, visit);
  }

  /** Judges the ticks of a symbol that wait. Its row is loaded, and does not change. */
  releaseAll(symbolId: number): void {
    const { reorder } = this;
    if (reorder === undefined) return;
    const plan = this.ruled?.rulesOf(symbolId);
    const tick = this.#tick;
    tick[TickDouble.WATERMARK] = Number.POSITIVE_INFINITY;
    while (reorder.tryTake(symbolId, tick)) this.#judgeReleased(reorder, symbolId, plan);
  }

  /** Begins a symbol's window anew: its times run back, from `time`. What waits is judged. */
  startOver(symbolId: number, time: number): void {
    this.releaseAll(symbolId);
    this.reorder?.startOver(symbolId);
    this.#clearWindow(symbolId);
    const { ruled } = this;
    if (ruled === undefined) return;
    ruled.reset(symbolId, time);
    ruled.move[Move.IS_FIRST] = 1;
  }

  /**
   * Empties what a worker that died applying a tick to the symbol may have left half done.
   *
   * @param time the symbol's newest
   * @param alert the newest that left the partition, if it is of this symbol
   */
  repair(symbolId: number, time: number, alert: NewestAlert | undefined): void {
    this.#settleWindows(symbolId);
    this.#clearWindow(symbolId);
    this.ruled?.repair(symbolId, alert, time);
    this.reorder?.clear(symbolId);
  }

  /** Forgets a symbol, whose row counts no ticks any more. Its rules were retired before. */
  retire(symbolId: number): void {
    this.#settleWindows(symbolId);
    this.#arena.reclaiming = symbolId;
    this.#minima.release(symbolId);
    this.#maxima.release(symbolId);
    this.#records.clearState(symbolId);
    this.reorder?.clear(symbolId);
    this.reorder?.startOver(symbolId);
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

  #clearWindow(symbolId: number): void {
    this.#minima.clear(symbolId);
    this.#maxima.clear(symbolId);
  }

  /** A tick takes no part, or not yet; a rule of silence hears of it. */
  #noteArrival(symbolId: number, plan: SymbolPlan): void {
    const ruled = this.ruled as PartitionRules;
    ruled.move[Move.PRICE] = this.#row[RowValue.PRICE] as number;
    ruled.arrive(plan, symbolId);
  }

  /** Judges the tick, which waited. */
  #judgeReleased(reorder: ReorderBuffer, symbolId: number, plan: SymbolPlan | undefined): void {
    this.makeSpace();
    if (plan !== undefined) {
      const { move } = this.ruled as PartitionRules;
      // Its arrival was noted when it came.
      move[Move.ARRIVAL] = Number.NaN;
      move[Move.IS_FIRST] = reorder.hasStarted(symbolId) ? 0 : 1;
    }
    if (!reorder.isBehind(symbolId, this.#tick)) {
      this.take(symbolId, plan);
      return;
    }
    this.#counters.add(Counter.MISSED, 1);
    if (this.#foldsLate) this.#fold(symbolId, plan);
  }

  /** Puts the late tick into the window, and judges its NEWEST once more. */
  #fold(symbolId: number, plan: SymbolPlan | undefined): void {
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
    if (plan !== undefined) this.#handOver();
    // The window of a rule may reach back further than that of anomalies, which says nothing then.
    if (time >= newest - this.#windowMs) this.#judgeAnomaly(symbolId, plan);
    if (plan !== undefined) this.ruled?.judgeAgain(plan, symbolId);
  }

  /** The longest window that a symbol needs, ms. */
  #longestMs(plan: SymbolPlan | undefined): number {
    const windowMs = this.#windowMs;
    return plan !== undefined && plan.windowMs > windowMs ? plan.windowMs : windowMs;
  }

  /** Hands the tick to the rules, and the extremes of its window, as it was put there. */
  #handOver(): void {
    const tick = this.#tick;
    const { move } = this.ruled as PartitionRules;
    move[Move.PRICE] = tick[TickDouble.PRICE] as number;
    move[Move.TIME] = tick[TickDouble.TIME] as number;
    move[Move.WINDOW_LOWEST] = tick[TickDouble.MINIMUM] as number;
    move[Move.WINDOW_HIGHEST] = tick[TickDouble.MAXIMUM] as number;
  }

  #judgeAnomaly(symbolId: number, plan: SymbolPlan | undefined): void {
    const rule = this.#anomalyRule;
    if (rule === undefined) return;
    if (plan !== undefined && plan.windowMs > this.#windowMs) {
      // Extremes of the longer window are further away: quiet there, quiet here.
      if (rule.isQuiet) return;
      this.#narrow(symbolId);
    }
    rule.judge(symbolId);
  }

  /** The deques reach back further than the anomaly rule does: finds the extremes of its window. */
  #narrow(symbolId: number): void {
    const tick = this.#tick;
    const time = tick[TickDouble.TIME] as number;
    tick[TickDouble.OLDEST] = time - this.#windowMs;
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
}
