import { Counter, type Engine, LATENCY_BUCKETS, latencyBucketEndUs } from '../../engine/index.ts';
import type { HistogramReading } from './scraped-histogram.ts';

/** Engine buckets joined into one: the engine's resolution is finer than scrapes need. */
const BUCKETS_JOINED = 2;

/** Tick latency by partition, read from the buckets that the workers count in, s. */
export function readLatencies(
  engine: Pick<Engine, 'partitions' | 'status'>,
): readonly HistogramReading[] {
  return Array.from({ length: engine.partitions }, (_, partition) => {
    const { counters } = engine.status(partition);
    const bounds: number[] = [];
    const counts: number[] = [];
    let count = 0;
    for (let bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
      count += counters.latency(bucket);
      const isLast = bucket === LATENCY_BUCKETS - 1;
      if (bucket % BUCKETS_JOINED > 0 && !isLast) continue;
      if (!isLast) bounds.push(latencyBucketEndUs(bucket) / 1e6);
      counts.push(count);
      count = 0;
    }
    const sum = counters.get(Counter.LATENCY_US_SUM) / 1e6;
    return { labels: { partition }, bounds, counts, sum };
  });
}
