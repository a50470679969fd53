import { parseConfig } from '../src/config/parse-config.ts';
import type { Config } from '../src/config/schema.ts';
import type { Random } from '../testkit/random.ts';

/** What a seed decides about a run before it begins. */
export interface Scenario {
  readonly config: Config;
  readonly symbols: readonly string[];
  readonly publishers: number;
  readonly subscribers: number;
  /** Anomalies that wait for the gateway at most, a partition. */
  readonly anomalyRingCapacity: number;
  /** Mean time between two faults, ms. */
  readonly everyMs: {
    readonly workerDeath: number;
    readonly crash: number;
    readonly stop: number;
    readonly clockJump: number;
    readonly storeFault: number;
    readonly pause: number;
  };
  /**
   * How likely a worker has its accesses to shared memory watched, so that it may be interrupted or
   * die at any.
   */
  readonly watchedWorkers: number;
  /** Whether the gateway may be interrupted at any access to shared memory. */
  readonly isMainWatched: boolean;
  /** Whether it may be at any access to a partition that it steps itself, and ticks throw there. */
  readonly areStepsWatched: boolean;
  /** How much a subscriber and a publisher do, times a second. */
  readonly pace: number;
  /** Sizes of the journal's ring, segments and blocks, bytes. */
  readonly journal: {
    readonly ringBytes: number;
    readonly segmentBytes: number;
    readonly blockBytes: number;
  };
}

const FAMILIES = ['AAA', 'AB', 'BTC', 'ÉÜ', '日経'];

function symbolsOf(random: Random): string[] {
  const count = random.between(2, 16);
  return Array.from({ length: count }, (_, i) => `${random.pick(FAMILIES)}-${i}`);
}

/** A run's circumstances. */
export function createScenario(random: Random): Scenario {
  const symbols = symbolsOf(random);
  // Without dead workers, all that was ever applied follows from the journal alone.
  const areWorkersSafe = random.chance(0.3);
  return {
    config: createConfig(random, symbols.length),
    symbols,
    publishers: random.between(1, 4),
    subscribers: random.between(1, 6),
    anomalyRingCapacity: random.pick([4, 16, 64]),
    everyMs: {
      workerDeath: areWorkersSafe ? Number.POSITIVE_INFINITY : random.logUniform(200, 10_000),
      crash: random.logUniform(1000, 60_000),
      stop: random.logUniform(10_000, 120_000),
      clockJump: random.logUniform(2000, 60_000),
      storeFault: random.logUniform(2000, 20_000),
      pause: random.logUniform(5000, 120_000),
    },
    watchedWorkers: random.pick([0.05, 0.2, 0.6]),
    isMainWatched: random.chance(0.15),
    areStepsWatched: !areWorkersSafe && random.chance(0.5),
    pace: random.logUniform(20, 400),
    journal: {
      ringBytes: random.pick([16_384, 32_768, 262_144]),
      segmentBytes: random.pick([8192, 16_384]),
      blockBytes: random.pick([2048, 4096]),
    },
  };
}

function createConfig(random: Random, symbols: number): Config {
  const hasStore = random.chance(0.7);
  const snapshotIntervalMs = random.pick([200, 1000, 4000, 20_000]);
  const isDurable = hasStore && random.chance(0.3);
  return parseConfig({
    server: {
      heartbeatMs: random.pick([200, 1000, 5000]),
      drainMs: random.pick([100, 500, 2000]),
      badFramesMax: random.between(2, 16),
    },
    processing: {
      partitions: random.between(1, 3),
      channelCapacity: random.pick([16, 32, 128, 1024]),
      overflow: random.pick(['dropOldest', 'dropNewest', 'wait'] as const),
      movingAverageWindow: random.pick([1, 3, 8, 20]),
      slidingWindowMilliseconds: random.pick([5, 100, 1000]),
      anomalyThresholdPercent: random.pick([0.5, 2, 5]),
      windowCapacity: 65_536,
      // Now and then too few for all.
      maxSymbols: Math.max(1, symbols + random.between(-1, 4)),
    },
    stream: {
      conflateMs: random.pick([0, 0, 20, 100]),
      latencyTargetMs: random.pick([0, 5, 250]),
      latency: random.pick(['low', 'balanced', 'balanced', 'cheap'] as const),
      subscriptionsMax: random.between(3, 12),
      socketBufferBytesMax: random.pick([1024, 4096, 32_768]),
      slowSessionCloseMs: random.pick([1000, 10_000]),
      recentAnomaliesPerSymbol: random.pick([1, 4, 64]),
    },
    publish: {
      ticksPerFrameMax: 64,
      acknowledge: isDurable ? 'durable' : 'accepted',
    },
    store: {
      directory: hasStore ? 'simulated' : '',
      mode: random.pick(['async', 'sync'] as const),
      snapshotIntervalMs,
    },
    journal: {
      syncMs: random.pick([0, 5, 10, 50]),
      retentionBytes: random.pick([0, 30_000, 2 ** 30]),
    },
  });
}
