import { type AnomalySink, createAnomalyRing } from '../../src/engine/memory/anomaly-ring.ts';
import { createClockQueue } from '../../src/engine/memory/clock-queue.ts';
import { Counters, createCounters } from '../../src/engine/memory/counters.ts';
import { createDirtySet } from '../../src/engine/memory/dirty-set.ts';
import { createDoorbell } from '../../src/engine/memory/doorbell.ts';
import type { PartitionMemory } from '../../src/engine/memory/engine-memory.ts';
import { createPlaceArena } from '../../src/engine/memory/place-arena.ts';
import {
  createReorderBuffers,
  createReorderMemory,
  type ReorderMemory,
} from '../../src/engine/memory/reorder-memory.ts';
import { createRetireRequest } from '../../src/engine/memory/retire-request.ts';
import {
  createPendingRow,
  ROW_VALUES,
  RowValue,
  StatisticsTable,
} from '../../src/engine/memory/statistics-table.ts';
import { createSymbolRecords, SymbolRecords } from '../../src/engine/memory/symbol-records.ts';
import {
  createTickRing,
  type ReceivedTicks,
  TickColumns,
} from '../../src/engine/memory/tick-ring.ts';
import { Partition } from '../../src/engine/partition.ts';
import type { Rules } from '../../src/engine/rules.ts';
import { ulpsBetween } from '../../testkit/independent/exact-mean.ts';
import type { ExpectedAnomaly, Statistics, Tick } from '../../testkit/independent/statistics.ts';

/** Rules of small tests: 4 ticks averaged, 2 %, a window of 100 ms and 64 places. */
export const smallRules = (changes: Partial<Rules> = {}): Rules => ({
  movingAverageWindow: 4,
  anomalyThresholdPercent: 2,
  slidingWindowMilliseconds: 100,
  windowCapacity: 64,
  ...changes,
});

export interface SmallMemoryOptions {
  readonly symbols: number;
  readonly movingAverageWindow: number;
  /** Arena for deques beyond their records. */
  readonly growBytes?: number;
  readonly channelCapacity?: number;
  readonly start?: number;
  /** Ticks of a symbol that may wait; absent: none wait. */
  readonly reorderTicks?: number | undefined;
}

/** One partition's memory as by createEngineMemory, but as small as a test wants. */
export function createSmallMemory(options: SmallMemoryOptions): PartitionMemory {
  const { symbols, movingAverageWindow, growBytes = 1 << 16 } = options;
  return {
    records: createSymbolRecords(symbols, movingAverageWindow),
    dirty: createDirtySet(symbols),
    doorbell: createDoorbell(),
    ticks: createTickRing(options.channelCapacity ?? 64, options.start),
    anomalies: createAnomalyRing(512),
    places: createPlaceArena(growBytes),
    counters: createCounters(),
    pendingRow: createPendingRow(),
    retirements: createRetireRequest(),
    clocks: createClockQueue(),
    reorder: createSmallReorder(symbols, options.reorderTicks),
  };
}

function createSmallReorder(symbols: number, ticks?: number): ReorderMemory | undefined {
  if (ticks === undefined) return undefined;
  return createReorderMemory(createReorderBuffers(symbols, ticks), symbols, ticks);
}

/** A row in the oracle's form. */
export function statisticsOf(table: StatisticsTable, symbolId: number): Statistics {
  const row = new Float64Array(ROW_VALUES);
  table.read(symbolId, row, 0);
  return statisticsOfRow(row);
}

export function statisticsOfRow(row: Float64Array): Statistics {
  return {
    price: row[RowValue.PRICE] as number,
    average: row[RowValue.AVERAGE] as number,
    count: row[RowValue.COUNT] as number,
    time: row[RowValue.TIME] as number,
    min: row[RowValue.MIN] as number,
    max: row[RowValue.MAX] as number,
  };
}

/** Records anomalies by symbol, from a partition or a ring. */
export class AnomalyRecorder {
  readonly #bySymbol = new Map<number, ExpectedAnomaly[]>();

  of(symbolId: number): ExpectedAnomaly[] {
    return this.#bySymbol.get(symbolId) ?? [];
  }

  readonly take: AnomalySink = (anomaly, symbolId) => {
    const { sequence, direction, reference, price, changePercent, time } = anomaly;
    this.append(symbolId, sequence, direction, reference, price, changePercent, time);
  };

  append(
    symbolId: number,
    sequence: number,
    direction: number,
    reference: number,
    price: number,
    changePercent: number,
    time: number,
  ): void {
    const own = this.of(symbolId);
    this.#bySymbol.set(symbolId, own);
    own.push({
      sequence,
      direction: direction as 1 | -1,
      reference,
      price,
      changePercent,
      time,
    });
  }
}

/** A partition on the test's thread. */
export class PartitionRig {
  readonly counters: Counters;
  readonly table: StatisticsTable;
  readonly anomalies = new AnomalyRecorder();
  readonly #partition: Partition;
  readonly #columns = new TickColumns(1);

  constructor(memory: PartitionMemory, rules: Rules) {
    this.counters = new Counters(memory.counters);
    this.table = new StatisticsTable(new SymbolRecords(memory.records, rules.movingAverageWindow));
    this.#partition = new Partition(memory, rules, this.counters, this.anomalies);
  }

  /** When the next ticks are received, ms since the epoch. */
  set receivedAt(time: number) {
    this.#columns.receivedAt[0] = time;
  }

  apply(symbolId: number, { price, time }: Tick): void {
    this.#columns.symbolIds[0] = symbolId;
    this.#columns.prices[0] = price;
    this.#columns.times[0] = time;
    this.#partition.apply(this.#columns, 0);
  }

  /** The clock, ms since the epoch, between two ticks. */
  advanceClock(now: number): void {
    this.#partition.advanceClock(now);
  }

  /** Repairs as the successor of a worker that died on the symbol. */
  repair(symbolId: number): void {
    this.#partition.repair(symbolId, 0);
  }

  statistics(symbolId: number): Statistics {
    return statisticsOf(this.table, symbolId);
  }
}

/**
 * Whether two statistics are equal: bit for bit, but for so many units in the last place of the
 * average.
 */
export function isSameStatistics(own: Statistics, oracle: Statistics, ulps = 2): boolean {
  const { average, ...rest } = own;
  const { average: exact, ...exactRest } = oracle;
  const keys = Object.keys(exactRest) as (keyof typeof rest)[];
  return (
    keys.every((key) => Object.is(rest[key], exactRest[key])) && ulpsBetween(average, exact) <= ulps
  );
}

/** A frame of one tick of symbol 0, as the engine's queues take it. */
export function oneTick(
  price: number,
  time: number,
  receivedAt = 0,
  receivedUs = 1,
): ReceivedTicks {
  const prices = Float64Array.of(price);
  return { prices, times: Float64Array.of(time), receivedAt, receivedUs };
}
