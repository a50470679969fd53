/** Parameters of the statistics, of the anomaly rule and of event time. */
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
