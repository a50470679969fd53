import { describe, expect, it, vi } from 'vitest';
import { Counters, createCounters, monotonicUs } from '../../src/engine/memory/counters.ts';
import {
  averageLatencyMs,
  joinedLatencies,
  latencyCount,
  latencyQuantileMs,
} from '../../src/gateway/metrics/partition-totals.ts';

function counted(...latencies: readonly (readonly [us: number, ticks: number])[]): Counters {
  const counters = new Counters(createCounters());
  for (const [us, ticks] of latencies) counters.addLatency(us, ticks);
  return counters;
}

describe('latencies', () => {
  it('are null before any tick', () => {
    const counters = counted();
    expect(latencyCount(counters)).toBe(0);
    expect([averageLatencyMs(counters), latencyQuantileMs(counters, 0.99)]).toEqual([null, null]);
  });

  it('have an exact mean', () => {
    const counters = counted([100, 3], [500, 1]);
    expect([latencyCount(counters), averageLatencyMs(counters)]).toEqual([4, 0.2]);
  });

  it('have quantiles interpolated inside their bucket', () => {
    // The bucket of 64 µs begins at 64 / √2.
    const counters = counted([64, 100]);
    const start = 64 / Math.SQRT2;
    expect(latencyQuantileMs(counters, 0.5)).toBeCloseTo((start + 64) / 2 / 1000, 9);
    expect(latencyQuantileMs(counters, 1)).toBeCloseTo(0.064, 9);
  });

  it('find the bucket that a quantile falls into', () => {
    const counters = counted([2, 98], [1024, 2]);
    expect(latencyQuantileMs(counters, 0.98)).toBeCloseTo(0.002, 9);
    const p99 = latencyQuantileMs(counters, 0.99) as number;
    expect(p99).toBeCloseTo((1.024 / Math.SQRT2 + 1.024) / 2, 9);
  });

  it('stay finite beyond the last bucket, and at its very beginning', () => {
    const hour = latencyQuantileMs(counted([3.6e9, 1]), 0.99) as number;
    expect(hour).toBe(2 ** 25 / 1000);
    expect(latencyQuantileMs(counted([0, 4]), 0.5)).toBe(0.0005);
  });

  it('of several partitions are as if one had counted them all', () => {
    const parts = [counted([2, 98]), counted(), counted([64, 1], [1024, 2])];
    const all = counted([2, 98], [64, 1], [1024, 2]);
    const joined = joinedLatencies({
      partitions: parts.length,
      status: (partition) => ({
        counters: parts[partition] as Counters,
        queueDepth: 0,
        restarts: 0,
        quarantined: 0,
        windowBytes: 0,
      }),
    });
    expect(latencyCount(joined)).toBe(101);
    for (const fraction of [0.5, 0.975, 0.98, 0.999, 1]) {
      expect(latencyQuantileMs(joined, fraction)).toBe(latencyQuantileMs(all, fraction));
    }
    expect(latencyQuantileMs(joinedLatencies({ partitions: 0, status: never }), 0.5)).toBeNull();
  });
});

describe('the clock of latencies', () => {
  it('advances with the monotonic clock, wraps, and never says that it is not measured', () => {
    const start = process.hrtime.bigint();
    const before = monotonicUs();
    while (monotonicUs() === before);
    const passed = (monotonicUs() - before) >>> 0;
    expect(passed).toBeLessThanOrEqual(Number(process.hrtime.bigint() - start) / 1000 + 1);
    const hrtime = vi.spyOn(process, 'hrtime');
    // 2^32 µs after the start, to the microsecond: the low bits are 0.
    hrtime.mockReturnValue([4294, 967_296_000]);
    expect(monotonicUs()).toBe(-1);
    hrtime.mockReturnValue([4294, 967_297_999]);
    expect(monotonicUs()).toBe(1);
    hrtime.mockRestore();
  });
});

function never(): never {
  throw new Error('there is no partition');
}
