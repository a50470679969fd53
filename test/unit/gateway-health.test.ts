import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Health } from '../../src/gateway/health.ts';

const MINUTE_MS = 60_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('is unhealthy after five deaths of a worker within a minute, and says which', () => {
  const health = new Health();
  const die = (partition: number, afterMs: number) => {
    vi.advanceTimersByTime(afterMs);
    health.workerRestarted(partition);
  };
  for (let i = 0; i < 4; i++) die(1, 1000);
  for (let i = 0; i < 4; i++) die(0, 1000);
  expect(health.fault()).toBeUndefined();
  die(1, 1000);
  expect(health.fault()).toBe('the worker of partition 1 died 5 times within a minute');
  // The first of the five was eight seconds ago.
  vi.advanceTimersByTime(MINUTE_MS - 8000);
  expect(health.fault()).toBeDefined();
  vi.advanceTimersByTime(1);
  expect(health.fault()).toBeUndefined();
  // Five deaths that are farther apart than that are none too many.
  for (let i = 0; i < 20; i++) die(0, MINUTE_MS / 4 + 1);
  expect(health.fault()).toBeUndefined();
  for (let i = 0; i < 4; i++) die(0, 1000);
  expect(health.fault()).toBe('the worker of partition 0 died 5 times within a minute');
});

it('counts deaths by the monotonic clock: the wall clock may jump meanwhile', () => {
  const health = new Health();
  const dieFiveTimes = () => {
    for (let i = 0; i < 5; i++) health.workerRestarted(0);
  };
  dieFiveTimes();
  vi.setSystemTime(Date.now() - 60 * MINUTE_MS);
  vi.advanceTimersByTime(MINUTE_MS + 1);
  expect(health.fault()).toBeUndefined();
  dieFiveTimes();
  vi.setSystemTime(Date.now() + 60 * MINUTE_MS);
  expect(health.fault()).toBeDefined();
});

it('is out of order while the store is, and once a stop has begun', () => {
  const store: { fault: string | undefined } = { fault: undefined };
  const health = new Health(store);
  expect(health.fault()).toBeUndefined();
  store.fault = 'no space left';
  expect(health.fault()).toBe('the store has failed: no space left');
  expect(health.storeFault()).toBe('the store has failed: no space left');
  store.fault = undefined;
  expect(health.fault()).toBeUndefined();
  health.snapshotFault = 'ENOSPC';
  expect(health.fault()).toBe('no snapshot can be saved: ENOSPC');
  expect(health.storeFault()).toBe('no snapshot can be saved: ENOSPC');
  health.snapshotFault = undefined;
  expect(health.fault()).toBeUndefined();
  health.isStopping = true;
  expect(health.fault()).toBe('the server is stopping');
});
