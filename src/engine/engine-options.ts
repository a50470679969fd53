import type { Rules } from './partition.ts';
import type { SpawnWorker } from './spawn-worker.ts';

export interface EngineOptions extends Rules {
  readonly partitions: number;
  /** Ticks a queue holds, a power of two. */
  readonly channelCapacity: number;
  /** Whether a full queue gives way to new ticks (`dropOldest`) instead of refusing them. */
  readonly overwrites: boolean;
  readonly maxSymbols: number;
  /** Whether {@link Engine.capture} may be called: it takes memory as large as the symbols'. */
  readonly captures?: boolean;
  /** What runs the workers where it is not threads: the simulation. */
  readonly spawn?: SpawnWorker | undefined;
  /** Of a partition's memory, where the usual is too much. */
  readonly anomalyRingCapacity?: number | undefined;
  readonly growBytes?: number | undefined;
}

export function rulesOf(options: EngineOptions): Rules {
  const { movingAverageWindow, anomalyThresholdPercent } = options;
  const { slidingWindowMilliseconds, windowCapacity } = options;
  return {
    movingAverageWindow,
    anomalyThresholdPercent,
    slidingWindowMilliseconds,
    windowCapacity,
  };
}
