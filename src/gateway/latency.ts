import type { PartitionStatus } from '../engine/index.ts';
import { Counter, LATENCY_BUCKETS, latencyBucketEndUs } from '../engine/index.ts';

type Counters = PartitionStatus['counters'];

/** Ticks whose latency was counted. */
export function latencyCount(counters: Counters): number {
  let count = 0;
  for (let bucket = 0; bucket < LATENCY_BUCKETS; bucket++) count += counters.latency(bucket);
  return count;
}

/** The mean latency, ms; null when there is none. */
export function averageLatencyMs(counters: Counters): number | null {
  const count = latencyCount(counters);
  return count === 0 ? null : counters.get(Counter.LATENCY_US_SUM) / count / 1000;
}

/**
 * The latency that a fraction of the ticks did not exceed, ms: interpolated inside its bucket; null
 * when there is none. The last bucket has no end, so its beginning stands for it.
 */
export function latencyQuantileMs(counters: Counters, fraction: number): number | null {
  const rank = latencyCount(counters) * fraction;
  if (rank === 0) return null;
  let below = 0;
  for (let bucket = 0; bucket < LATENCY_BUCKETS - 1; bucket++) {
    const count = counters.latency(bucket);
    if (below + count >= rank) {
      const start = bucketStartUs(bucket);
      const part = (rank - below) / count;
      return (start + (latencyBucketEndUs(bucket) - start) * part) / 1000;
    }
    below += count;
  }
  return bucketStartUs(LATENCY_BUCKETS - 1) / 1000;
}

function bucketStartUs(bucket: number): number {
  return bucket === 0 ? 0 : latencyBucketEndUs(bucket - 1);
}
