import { createRuleCounts, createRuleMemory, type RuleMemory } from '../../rules/index.ts';
import { sharedMemory } from '../../threads/shared-memory.ts';
import { createAlertRing } from './alert-ring.ts';
import { createAnomalyRing } from './anomaly-ring.ts';
import { createCaptureRequest } from './capture-request.ts';
import { createChangeSet } from './change-set.ts';
import { createClockQueue } from './clock-queue.ts';
import { createCounters } from './counters.ts';
import { createDirtySet } from './dirty-set.ts';
import { createDoorbell } from './doorbell.ts';
import { createPlaceArena } from './place-arena.ts';
import { createReorderBuffers, createReorderMemory, type ReorderMemory } from './reorder-memory.ts';
import { createRetireRequest } from './retire-request.ts';
import { createRuleTexts } from './rule-texts.ts';
import { createPendingRow } from './statistics-table.ts';
import { createSymbolNames } from './symbol-names.ts';
import { createSymbolRecords } from './symbol-records.ts';
import { createTickRing } from './tick-ring.ts';
import { createTimedSymbols } from './timed-symbols.ts';

/*
 * Everything that outlives a worker.
 *
 *   per symbol      records     all that is known of a symbol, written by one worker each
 *                   dirty       which symbols changed
 *                   rules       what these remember, where there may be any
 *                   reorder     ticks that wait for earlier ones, if any do
 *   per partition   ticks       queue in
 *                   anomalies   queue out
 *                   alerts      another, where there may be rules
 *                   places      of deques that outgrew their record
 *                   clocks      the clock in
 *                   counters, pendingRow, retirements
 *   one             doorbell
 */

/** The memory of a partition's rules. */
export interface PartitionRuleMemory extends RuleMemory {
  /** Names of all symbols, and rule files. */
  readonly names: SharedArrayBuffer;
  readonly texts: SharedArrayBuffer;
  /** Of the partition: what its rules counted, and its symbols that the clock concerns. */
  readonly counts: SharedArrayBuffer;
  readonly timed: SharedArrayBuffer;
  /** Words: the version of the rules that the partition is in, from 0; symbols retired, wraps. */
  readonly adopted: SharedArrayBuffer;
  /** Number of the partition, from 1. */
  readonly owner: number;
}

/**
 * The memory of one partition's worker: all shared, so that a successor continues where it stopped.
 */
export interface PartitionMemory {
  readonly records: SharedArrayBuffer;
  readonly dirty: SharedArrayBuffer;
  readonly doorbell: SharedArrayBuffer;
  readonly ticks: SharedArrayBuffer;
  readonly anomalies: SharedArrayBuffer;
  /** Undefined where there are no rules, as are `rules`. */
  readonly alerts?: SharedArrayBuffer | undefined;
  readonly rules?: PartitionRuleMemory | undefined;
  readonly places: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  /** The row being written, for a successor to finish. */
  readonly pendingRow: SharedArrayBuffer;
  /** Which symbols to forget. */
  readonly retirements: SharedArrayBuffer;
  /** Readings of the server's clock. */
  readonly clocks: SharedArrayBuffer;
  /** Undefined: no tick waits for earlier ones. */
  readonly reorder?: ReorderMemory | undefined;
}

/**
 * The memory that one partition's worker copies its symbols to for a capture. It has the layout of
 * the original, every record and place at the same offset, so copying the changes completes it.
 */
export interface CaptureMemory {
  readonly request: SharedArrayBuffer;
  /** The partition's symbols whose copy is out of date. */
  readonly changes: SharedArrayBuffer;
  /** The partition's symbols copied since the base of captures. */
  readonly sinceBase: SharedArrayBuffer;
  /** Copies of the records of all partitions. */
  readonly records: SharedArrayBuffer;
  /** Copies of what rules remember, of all partitions; undefined where there are none. */
  readonly rules?: RuleMemory | undefined;
  /** Copies of the partition's places. */
  readonly places: SharedArrayBuffer;
  /** Names of all symbols, and copies of them. */
  readonly names: SharedArrayBuffer;
  readonly nameCopies: SharedArrayBuffer;
  /** Copies of the buffers of ticks that wait, of all partitions. */
  readonly reorder?: SharedArrayBuffer | undefined;
}

export interface EngineMemoryOptions {
  readonly partitions: number;
  readonly symbols: number;
  /** Ticks a queue holds, a power of two. */
  readonly channelCapacity: number;
  readonly movingAverageWindow: number;
  /**
   * Anomalies of a partition that may wait for the gateway, a power of two. When full, its worker
   * waits.
   */
  readonly anomalyRingCapacity?: number | undefined;
  /** Whether rules may raise alerts: as many of them may wait. */
  readonly alerts?: boolean | undefined;
  /** Names of symbols, if there may be rules, which are matched by name. */
  readonly ruledNames?: SharedArrayBuffer | undefined;
  /** Ticks of a symbol that may wait for earlier ones; undefined: none wait. */
  readonly reorderTicks?: number | undefined;
  /** Address space for the places of a partition's deques, bytes; used only as they grow. */
  readonly growBytes?: number | undefined;
  /** Places that a partition's deques may have beyond their records; 0: as many as fit. */
  readonly placesMax?: number | undefined;
}

const ANOMALY_RING_CAPACITY = 4096;
/** Places of a partition's deques by default, bytes. */
export const GROW_BYTES = 256 * 1024 * 1024;

/** The engine's shared memory, by partition; all partitions share the memory per symbol. */
export function createEngineMemory(options: EngineMemoryOptions): readonly PartitionMemory[] {
  const { placesMax, reorderTicks, symbols } = options;
  const { anomalyRingCapacity = ANOMALY_RING_CAPACITY, growBytes = GROW_BYTES } = options;
  const shared = {
    records: createSymbolRecords(symbols, options.movingAverageWindow),
    dirty: createDirtySet(symbols),
    doorbell: createDoorbell(),
  };
  const rules = options.ruledNames && createSharedRules(symbols, options.ruledNames);
  const buffers = reorderTicks && createReorderBuffers(symbols, reorderTicks);
  return Array.from({ length: options.partitions }, (_, partition) => ({
    ...shared,
    rules: rules && {
      ...rules,
      counts: createRuleCounts(),
      timed: createTimedSymbols(symbols),
      adopted: new SharedArrayBuffer(8),
      owner: partition + 1,
    },
    ticks: createTickRing(options.channelCapacity),
    anomalies: createAnomalyRing(anomalyRingCapacity),
    alerts: options.alerts === true ? createAlertRing(anomalyRingCapacity) : undefined,
    places: createPlaceArena(growBytes, partition + 1, placesMax),
    counters: createCounters(),
    pendingRow: createPendingRow(),
    retirements: createRetireRequest(),
    clocks: createClockQueue(),
    reorder: buffers ? createReorderMemory(buffers, symbols, reorderTicks) : undefined,
  }));
}

function createSharedRules(symbols: number, names: SharedArrayBuffer) {
  return { ...createRuleMemory(symbols), names, texts: createRuleTexts() };
}

/** The memory for captures of an engine's memory, by partition. */
export function createCaptureMemory(
  memory: readonly PartitionMemory[],
  symbols: number,
  names: SharedArrayBuffer,
): readonly CaptureMemory[] {
  const records = sharedMemory(memory[0]?.records.byteLength ?? 0);
  const nameCopies = createSymbolNames(symbols);
  const rules = memory[0]?.rules === undefined ? undefined : createRuleMemory(symbols);
  const buffers = memory[0]?.reorder?.buffers;
  const reorder = buffers && sharedMemory(buffers.byteLength);
  return memory.map(({ places }) => ({
    request: createCaptureRequest(),
    changes: createChangeSet(symbols),
    sinceBase: createChangeSet(symbols),
    records,
    rules,
    places: sharedMemory(places.byteLength),
    names,
    nameCopies,
    reorder,
  }));
}
