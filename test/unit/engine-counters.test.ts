import { describe, expect, it } from 'vitest';
import {
  Counter,
  Counters,
  createCounters,
  LATENCY_BUCKETS,
  latencyBucketEndUs,
} from '../../src/engine/memory/counters.ts';

describe('the counters', () => {
  it('are independent of each other and seen through the same memory', () => {
    const memory = createCounters();
    const writer = new Counters(memory);
    const reader = new Counters(memory);
    for (const counter of Object.values(Counter)) writer.add(counter, 2 ** 40 + counter);
    for (const counter of Object.values(Counter))
      expect(reader.get(counter)).toBe(2 ** 40 + counter);
    expect(reader.taken()).toBe(3 * 2 ** 40 + Counter.APPLIED + Counter.LAPPED + Counter.SKIPPED);
  });

  it('put a latency into the bucket whose range holds it', () => {
    for (const us of [0, 0.3, 1, 1.2, 1.5, 2, 3, 100, 999.5, 4e3, 123_456, 3e6, 4e7]) {
      const counters = new Counters(createCounters());
      counters.addLatency(us, 3);
      const filled = Array.from({ length: LATENCY_BUCKETS }, (_, bucket) => bucket).filter(
        (bucket) => counters.latency(bucket) > 0,
      );
      expect(filled).toHaveLength(1);
      const [bucket] = filled as [number];
      expect(counters.latency(bucket)).toBe(3);
      expect(us).toBeLessThanOrEqual(latencyBucketEndUs(bucket));
      if (bucket > 0) expect(us).toBeGreaterThan(latencyBucketEndUs(bucket - 1));
      expect(counters.get(Counter.LATENCY_US_SUM)).toBe(3 * us);
    }
  });

  it('count longer latencies in the last bucket, and negative ones in the first', () => {
    const counters = new Counters(createCounters());
    counters.addLatency(1e15, 2);
    counters.addLatency(-50, 1);
    expect(latencyBucketEndUs(LATENCY_BUCKETS - 1)).toBe(Number.POSITIVE_INFINITY);
    expect(counters.latency(LATENCY_BUCKETS - 1)).toBe(2);
    expect(counters.latency(0)).toBe(1);
    expect(counters.get(Counter.LATENCY_US_SUM)).toBe(2e15);
  });

  it('have buckets that end ever later', () => {
    for (let bucket = 1; bucket < LATENCY_BUCKETS; bucket++) {
      expect(latencyBucketEndUs(bucket)).toBeGreaterThan(latencyBucketEndUs(bucket - 1));
    }
  });
});
