import {
  Counter,
  type Engine,
  LATENCY_BUCKETS,
  latencyBucketEndUs,
  type PartitionStatus,
} from '../../engine/index.ts';

/** A counter, summed over all partitions. */
export function partitionTotal(
  engine: Pick<Engine, 'partitions' | 'status'>,
  counter: Counter,
): number {
  let total = 0;
  for (let partition = 0; partition < engine.partitions; partition++) {
    total += engine.status(partition).counters.get(counter);
  }
  return total;
}

type Counters = PartitionStatus['counters'];

/** Tick counts by latency bucket. */
type Latencies = Pick<Counters, 'latency'>;

/** The latencies of all partitions, as of now. */
export function joinedLatencies(engine: Pick<Engine, 'partitions' | 'status'>): Latencies {
  const ticks = new Float64Array(LATENCY_BUCKETS);
  for (let partition = 0; partition < engine.partitions; partition++) {
    const { counters } = engine.status(partition);
    for (let bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
      ticks[bucket] = (ticks[bucket] as number) + counters.latency(bucket);
    }
  }
  return { latency: (bucket) => ticks[bucket] as number };
}

/** Ticks counted. */
export function latencyCount(latencies: Latencies): number {
  let count = 0;
  for (let bucket = 0; bucket < LATENCY_BUCKETS; bucket++) count += latencies.latency(bucket);
  return count;
}

/** The mean latency, ms; null if there are no ticks. */
export function averageLatencyMs(counters: Counters): number | null {
  const count = latencyCount(counters);
  return count === 0 ? null : counters.get(Counter.LATENCY_US_SUM) / count / 1000;
}

/**
 * The latency that a fraction of the ticks did not exceed, ms, interpolated within its bucket; null
 * if there are no ticks. The last bucket is open: returns its start.
 */
export function latencyQuantileMs(latencies: Latencies, fraction: number): number | null {
  const rank = latencyCount(latencies) * fraction;
  if (rank === 0) return null;
  let below = 0;
  for (let bucket = 0; bucket < LATENCY_BUCKETS - 1; bucket++) {
    const count = latencies.latency(bucket);
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
