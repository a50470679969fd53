import type { LostCause } from './memory/anomaly-ring.ts';
import type { Counters } from './memory/counters.ts';
import { createCaptureMemory, createEngineMemory, GROW_BYTES } from './memory/engine-memory.ts';
import { allocateMemory } from './memory/memory-plan.ts';
import { createSymbolNames } from './memory/symbol-names.ts';
import type { SetAside } from './restore-symbols.ts';
import type { Rules } from './rules.ts';
import type { StartRules } from './rules-in-force.ts';
import type { SpawnWorker } from './worker-threads.ts';

/** Ticks of a symbol that may wait, by default. */
const REORDER_TICKS = 256;

export interface EngineOptions extends Rules {
  readonly partitions: number;
  /** Ticks a queue holds, a power of two. */
  readonly channelCapacity: number;
  /** Whether a full queue overwrites its oldest ticks (`dropOldest`) or refuses new ones. */
  readonly overwrites: boolean;
  readonly maxSymbols: number;
  /** Ticks of a symbol that may wait for earlier ones, if `allowedLatenessMs` is above 0. */
  readonly reorderTicks?: number | undefined;
  /** Whether {@link Engine.capture} may be called: it doubles the memory of symbols. */
  readonly captures?: boolean;
  /** Whether ticks become visible to the workers by {@link Engine.publishMarked} only. */
  readonly publishesMarked?: boolean;
  /** Runs the workers without threads, for the simulation. */
  readonly spawn?: SpawnWorker | undefined;
  /** Whether rules may raise alerts; absent: if there are any. */
  readonly alerts?: boolean;
  /** Undefined: there are no rules, and never will be. */
  readonly rules?: StartRules | undefined;
  /** Sizes of a partition's memory; see `EngineMemoryOptions`. */
  readonly anomalyRingCapacity?: number | undefined;
  readonly growBytes?: number | undefined;
}

/** A tick that a worker died applying; its successor skips it. */
export interface SkippedTick {
  /** Undefined if its id is invalid. */
  readonly symbol: string | undefined;
  /** Undefined if a newer tick has overwritten it. */
  readonly price: number | undefined;
  /** ms since the epoch; undefined with the price. */
  readonly time: number | undefined;
  /** Whether the tick probably caused the death, rather than a kill from outside. */
  readonly isQuarantined: boolean;
}

/**
 * Takes a report that the ticks of a partition at positions `from` to `to` (exclusive) are lost;
 * positions count from the start. It comes before the anomalies of later ticks, perhaps twice.
 */
export type LostTicks = (partition: number, cause: LostCause, from: number, to: number) => void;

export interface EngineEvents {
  /**
   * A worker died and is being replaced.
   *
   * @param tick that it was applying; undefined if none
   */
  workerRestarted(partition: number, cause: Error, tick: SkippedTick | undefined): void;
  /**
   * The newest time of a symbol was further ahead of the clock than `maxFutureMs` and gave way to a
   * tick's.
   */
  timeReplaced?(symbol: string, time: number): void;
  /** Rules cannot apply to a symbol; perhaps called more than once. */
  ruleFaults?(symbol: string, faults: readonly string[]): void;
  /** A symbol cannot be restored. If absent, that is an error. */
  symbolSetAside?: SetAside;
}

/** A partition as seen from outside. */
export interface PartitionStatus {
  readonly counters: Counters;
  /** Ticks waiting in its queue. */
  readonly queueDepth: number;
  readonly restarts: number;
  /** Ticks that killed its workers; the counters include them in `SKIPPED`. */
  readonly quarantined: number;
  /** Memory that its sliding windows take beyond the records of symbols. */
  readonly windowBytes: number;
}

/** All shared memory of an engine. */
export function allocate({ rules, ...options }: EngineOptions) {
  const { captures = false, growBytes = GROW_BYTES, maxSymbols: symbols } = options;
  const hasRules = rules !== undefined;
  const reorderTicks = reorderTicksOf(options);
  const sizes = { ...options, captures, growBytes, symbols, hasRules, reorderTicks };
  return allocateMemory(sizes, () => {
    const names = createSymbolNames(symbols);
    const ruledNames = rules && names;
    const alerts = options.alerts ?? rules !== undefined;
    const memory = createEngineMemory({ ...options, symbols, alerts, ruledNames, reorderTicks });
    return { memory, names, captures: captures ? createCaptureMemory(memory, symbols, names) : [] };
  });
}

/** Ticks of a symbol that may wait for earlier ones; undefined: none does. */
export function reorderTicksOf(
  options: Pick<EngineOptions, 'allowedLatenessMs' | 'reorderTicks'>,
): number | undefined {
  const { allowedLatenessMs = 0, reorderTicks = REORDER_TICKS } = options;
  return allowedLatenessMs > 0 ? reorderTicks : undefined;
}

/** The part of the options that partitions need. */
export function rulesOf(options: EngineOptions): Rules {
  const { movingAverageWindow, anomalyThresholdPercent } = options;
  const { slidingWindowMilliseconds, windowCapacity, maxFutureMs } = options;
  const { allowedLatenessMs, anomalyRule, lateTicks } = options;
  return {
    movingAverageWindow,
    anomalyThresholdPercent,
    slidingWindowMilliseconds,
    windowCapacity,
    maxFutureMs,
    anomalyRule,
    lateTicks,
    allowedLatenessMs,
  };
}
