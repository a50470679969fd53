import { createPriceRings } from '../moving-average.ts';
import { createAnomalyRing } from './anomaly-ring.ts';
import { createCounters } from './counters.ts';
import { createDirtySet } from './dirty-set.ts';
import { createDoorbell } from './doorbell.ts';
import { createPlaceArena } from './place-arena.ts';
import { createPendingRow, createStatisticsTable } from './statistics-table.ts';
import { createSymbolStates } from './symbol-state.ts';
import { createTickRing } from './tick-ring.ts';

/*
 * Everything that outlives a worker. Per symbol, indexed by symbol id, each written by one worker:
 *
 *   rows     the statistics that others read          prices   the moving average's ring
 *   states   sums and deques                          dirty    the changed symbols
 *
 * Per partition: ticks (queue in), anomalies (queue out), places (the deques' blocks), counters, pendingRow.
 */

/** What one partition's worker works on; shared memory throughout, so a successor goes on where it stopped. */
export interface PartitionMemory {
  readonly rows: SharedArrayBuffer;
  readonly states: SharedArrayBuffer;
  readonly prices: SharedArrayBuffer;
  readonly dirty: SharedArrayBuffer;
  readonly doorbell: SharedArrayBuffer;
  readonly ticks: SharedArrayBuffer;
  readonly anomalies: SharedArrayBuffer;
  readonly places: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  /** The row being written, so that a successor can finish it. */
  readonly pendingRow: SharedArrayBuffer;
}

export interface EngineMemoryOptions {
  readonly partitions: number;
  readonly symbols: number;
  /** Ticks a queue holds, a power of two. */
  readonly channelCapacity: number;
  readonly movingAverageWindow: number;
}

/** Anomalies that wait for the gateway at most, a partition; then its worker waits. */
const ANOMALY_RING_CAPACITY = 4096;
/** Address space for the places of a partition's deques, beside the smallest blocks; touched only as they grow. */
const GROW_BYTES = 256 * 1024 * 1024;

/** The engine's shared memory, one {@link PartitionMemory} a partition; what is per symbol is the same in all of them. */
export function createEngineMemory(options: EngineMemoryOptions): readonly PartitionMemory[] {
  const { symbols } = options;
  const shared = {
    rows: createStatisticsTable(symbols),
    states: createSymbolStates(symbols),
    prices: createPriceRings(symbols, options.movingAverageWindow),
    dirty: createDirtySet(symbols),
    doorbell: createDoorbell(),
  };
  return Array.from({ length: options.partitions }, () => ({
    ...shared,
    ticks: createTickRing(options.channelCapacity),
    anomalies: createAnomalyRing(ANOMALY_RING_CAPACITY),
    places: createPlaceArena(2 * symbols, GROW_BYTES),
    counters: createCounters(),
    pendingRow: createPendingRow(),
  }));
}
