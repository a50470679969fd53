import { expect, test } from 'vitest';
import type { ServerStatistics } from '../src/http-api.ts';
import { serverRates, TickRate } from '../src/server/rates.ts';

function statistics(uptimeSeconds: number, totalProcessed: number, epoch = 'e1'): ServerStatistics {
  const partition = { partition: 0, queueDepth: 0, queueCapacity: 1, p99LatencyMs: 1, restarts: 0 };
  return {
    version: '1',
    epoch,
    uptimeSeconds,
    totalProcessed,
    totalRejected: 0,
    totalDropped: 0,
    totalLate: 0,
    anomaliesDetected: 0,
    symbols: 0,
    sessions: { publishers: 0, subscribers: 0, subscriptions: 0, slow: 0 },
    sent: { bytes: totalProcessed * 10, entries: totalProcessed * 2 },
    latencyMs: { p50: null, p90: null, p99: null, p999: null },
    rules: {
      movingAverageWindow: 64,
      anomalyThresholdPercent: 2,
      slidingWindowMilliseconds: 1000,
    },
    partitions: [{ ...partition, processed: totalProcessed }],
  };
}

test('rates are growth by the server’s clock', () => {
  expect(serverRates(statistics(10, 1000), statistics(12, 5000))).toEqual({
    ticks: 2000,
    deliveries: 4000,
    bytes: 20_000,
    partitions: [2000],
  });
});

test('there are none across epochs, at first, or without elapsed time', () => {
  expect(serverRates(undefined, statistics(1, 1))).toBeUndefined();
  expect(serverRates(statistics(90, 9e9), statistics(92, 5, 'e2'))).toBeUndefined();
  expect(serverRates(statistics(5, 5), statistics(5, 5))).toBeUndefined();
});

test('a counter’s rate covers five seconds, and restarts with the counter', () => {
  const rate = new TickRate();
  expect(rate.add(0, 0)).toBeNaN();
  expect(rate.add(1000, 100)).toBe(100);
  for (let second = 2; second <= 20; second++) rate.add(second * 1000, 100 + (second - 1) * 10);
  expect(rate.add(21_000, 300)).toBe(10);
  expect(rate.add(22_000, 5)).toBeNaN();
});
