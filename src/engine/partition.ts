import { Move, type NewestAlert } from '../rules/index.ts';
import { float64s } from '../threads/shared-memory.ts';
import { ANOMALIES, type AnomalyOutput } from './anomaly-rule.ts';
import { type CreateRules, Detection } from './detection.ts';
import type { ChangeSet } from './memory/change-set.ts';
import { Counter, type Counters } from './memory/counters.ts';
import type { PartitionMemory } from './memory/engine-memory.ts';
import { REPLACED_FROM, ROW_VALUES, RowValue, StatisticsTable } from './memory/statistics-table.ts';
import { RecordDouble, SymbolRecords } from './memory/symbol-records.ts';
import type { TickColumns } from './memory/tick-ring.ts';
import { MovingAverage } from './moving-average.ts';
import type { PartitionRules } from './partition-rules.ts';
import type { ReorderBuffer } from './reorder-buffer.ts';
import type { Rules } from './rules.ts';
import { createTickScratch, TickDouble } from './tick-scratch.ts';

/**
 * Applies ticks: computes the statistics and decides what is an anomaly. A pure state machine over
 * the partition's memory, without clock, thread or socket, so that workers, tests, simulation and
 * replay run the same code. One thread only; nothing allocates.
 */
export class Partition {
  readonly #table: StatisticsTable;
  readonly #average: MovingAverage;
  readonly #detection: Detection;
  readonly #counters: Counters;
  readonly #records: SymbolRecords;
  readonly #ruled: PartitionRules | undefined;
  /** Undefined: ticks are judged as they come. */
  readonly #reorder: ReorderBuffer | undefined;
  readonly #maxFutureMs: number;
  readonly #hasShortRings: boolean;
  readonly #tick = createTickScratch();
  /** Called when the newest time of a symbol gives way: rare. */
  onTimeReplaced: (symbolId: number, time: number) => void = () => undefined;
  /** Called before {@link advanceClock} changes a symbol. */
  onClockChange: (symbolId: number) => void = () => undefined;
  /** The row being made, in shared memory: a successor finishes one left half written. */
  readonly #row: Float64Array;

  /**
   * @param anomalies has space for two whenever {@link apply} is called, and after each
   *   {@link makeSpace}: a tick raises at most an Up and a Down
   * @param hasShortRings whether a ring of prices may have begun after its symbol's first tick:
   *   `since` in `symbol-records.ts` is read only then
   * @param changes symbols that the next capture copies, if captures are made
   * @param createRules if there may be any; alerts have space for ALERTS_PER_TICK whenever
   *   {@link apply} is called
   */
  constructor(
    memory: PartitionMemory,
    rules: Rules,
    counters: Counters,
    anomalies: AnomalyOutput,
    hasShortRings = false,
    changes?: ChangeSet,
    createRules?: CreateRules,
  ) {
    const { movingAverageWindow } = rules;
    const records = new SymbolRecords(memory.records, movingAverageWindow);
    const table = new StatisticsTable(records);
    const row = float64s(memory.pendingRow);
    const tick = this.#tick;
    const replaced = float64s(memory.pendingRow, REPLACED_FROM * 8);
    const shared = { memory, rules, records, table, counters, row, tick };
    this.#detection = new Detection({ ...shared, anomalies, changes, createRules });
    this.#ruled = this.#detection.ruled;
    this.#reorder = this.#detection.reorder;
    this.#maxFutureMs = rules.maxFutureMs ?? Number.POSITIVE_INFINITY;
    this.#hasShortRings = hasShortRings;
    this.#records = records;
    this.#row = row;
    this.#table = table;
    this.#average = new MovingAverage(records, movingAverageWindow, replaced);
    this.#counters = counters;
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
      read ^= this.#average.prefetch(symbolId) ^ this.#detection.prefetch(symbolId);
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
    const plan = ruled?.rulesOf(symbolId);
    if (ruled !== undefined && plan !== undefined) {
      const { move } = ruled;
      move[Move.ARRIVAL] = ticks.receivedAt[index] as number;
      move[Move.AVERAGE] = count === 0 ? 0 : (row[RowValue.AVERAGE] as number);
      move[Move.IS_FIRST] = count === 0 ? 1 : 0;
    }
    this.#average.push(symbolId, tick);
    row[RowValue.AVERAGE] = tick[TickDouble.AVERAGE] as number;
    if (count === 0 || price < (row[RowValue.MIN] as number)) row[RowValue.MIN] = price;
    if (count === 0 || price > (row[RowValue.MAX] as number)) row[RowValue.MAX] = price;
    const reorder = this.#reorder;
    const isBehind = count > 0 && time < (row[RowValue.TIME] as number);
    if (isBehind && !this.#isPoisoned(ticks.receivedAt[index] as number, time)) {
      this.#counters.add(Counter.LATE, 1);
      if (reorder === undefined) this.#detection.takeLate(symbolId, plan);
    } else {
      if (isBehind) this.#replaceTime(symbolId);
      row[RowValue.PRICE] = price;
      row[RowValue.TIME] = time;
      if (reorder === undefined) this.#detection.take(symbolId, plan);
    }
    if (reorder !== undefined) this.#detection.hold(reorder, symbolId, plan, ticks, index);
    this.#table.write(symbolId, row);
    this.#average.settled();
    this.#counters.add(Counter.APPLIED, 1);
  }

  /** Called before a tick that waited is judged: makes space for its anomalies and alerts. */
  set makeSpace(makeSpace: () => void) {
    this.#detection.makeSpace = makeSpace;
  }

  /** Whether {@link advanceClock} may change anything now. */
  get needsClock(): boolean {
    if (this.#reorder !== undefined && this.#reorder.held > 0) return true;
    return this.#ruled?.needsClock === true;
  }

  /** Ticks that the next `count` ones may have judged, at most. */
  judgedAtMost(ticks: TickColumns, count: number): number {
    return this.#detection.judgedAtMost(ticks, count);
  }

  /**
   * Takes a reading of the server's clock, ms since the epoch, at its place in the order of ticks:
   * ends what ends by time. Taken again after a worker died of it.
   */
  advanceClock(now: number): void {
    this.#detection.forEachQuiet(now, this.#releaseQuiet);
    this.#ruled?.tellTime(now, this.onClockChange);
  }

  /** Changes to a version of the rules, at its place in the order of ticks; see `advanceClock`. */
  adoptRules(version: number, now: number): void {
    this.#ruled?.adopt(version, now, this.onClockChange);
  }

  /** No tick of the symbol came for as long as one is waited for: nothing waits longer. */
  readonly #releaseQuiet = (symbolId: number): void => {
    this.onClockChange(symbolId);
    this.#table.load(symbolId, this.#row);
    if (this.#ruled !== undefined) {
      this.#ruled.move[Move.AVERAGE] = this.#row[RowValue.AVERAGE] as number;
    }
    this.#detection.releaseAll(symbolId);
    this.#table.continueAnomalies(symbolId, this.#row[ANOMALIES] as number);
  };

  /**
   * Makes a symbol's state consistent after a worker died applying a tick to it: finishes a row
   * left half written, rebuilds the sum, empties the window. Every invariant holds again; the tick
   * itself may be lost.
   *
   * @param sequence of the newest anomaly that left this partition, if it is of this symbol; else
   *   0. The row may not have counted it yet, and must not reuse its number.
   * @param alert the newest alert that left it, if it is of this symbol
   */
  repair(symbolId: number, sequence: number, alert?: NewestAlert): void {
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
    this.#detection.repair(symbolId, this.#table.value(symbolId, RowValue.TIME), alert);
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
    this.#detection.retire(symbolId);
  }

  /**
   * Whether the newest time of the symbol in #row is one that the clock at the receipt of this tick
   * did not allow: taken while the clock was ahead. A tick of a possible time is not late then.
   */
  #isPoisoned(receivedAt: number, time: number): boolean {
    const latestTime = receivedAt + this.#maxFutureMs;
    return (this.#row[RowValue.TIME] as number) > latestTime && time <= latestTime;
  }

  /** The symbol's times run back. */
  #replaceTime(symbolId: number): void {
    const time = this.#table.value(symbolId, RowValue.TIME);
    this.#detection.startOver(symbolId, time);
    this.#counters.add(Counter.TIMES_REPLACED, 1);
    this.onTimeReplaced(symbolId, time);
  }

  /** Subtracts the ticks that came before the symbol's ring began. */
  #excludeEarlier(symbolId: number): void {
    const { doubles, doublesEach } = this.#records;
    const since = doubles[symbolId * doublesEach + RecordDouble.SINCE] as number;
    this.#tick[TickDouble.TAKEN] = (this.#tick[TickDouble.TAKEN] as number) - since;
  }
}
