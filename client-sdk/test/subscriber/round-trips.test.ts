import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { RoundTrips } from '../../src/subscriber/round-trips.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The server's clock is ahead by this, ms. */
const AHEAD_MS = 5000;

/** Measures a round trip whose ways take these times, ms. */
async function measure(
  trips: RoundTrips,
  thereMs: number,
  backMs: number,
  aheadMs = AHEAD_MS,
): Promise<void> {
  let sentAt = Number.NaN;
  const measured = trips.measure((clientTime) => {
    sentAt = clientTime;
  });
  vi.advanceTimersByTime(thereMs);
  const serverTime = Date.now() + aheadMs;
  vi.advanceTimersByTime(backMs);
  trips.note(sentAt, serverTime);
  expect(await measured).toBe(thereMs + backMs);
}

interface Expected {
  readonly newestMs: number;
  readonly offsetMs: number;
  readonly errorMs: number;
}

function expectClock(trips: RoundTrips, { newestMs, offsetMs, errorMs }: Expected): void {
  expect(trips.newestMs).toBeCloseTo(newestMs, 3);
  // Clocks drift.
  expect(Math.abs(trips.serverTime - Date.now() - offsetMs)).toBeLessThan(0.5);
  expect(Math.abs(trips.errorMs - errorMs)).toBeLessThan(0.5);
}

it('has the newest round trip, and the clock of the best', async () => {
  const trips = new RoundTrips();
  expect(trips.newestMs).toBeUndefined();
  expect(trips.errorMs).toBe(Number.POSITIVE_INFINITY);
  await measure(trips, 5, 5);
  expectClock(trips, { newestMs: 10, offsetMs: AHEAD_MS, errorMs: 5 });
  await measure(trips, 100, 0);
  expectClock(trips, { newestMs: 100, offsetMs: AHEAD_MS, errorMs: 5 });
  await measure(trips, 0, 2);
  expectClock(trips, { newestMs: 2, offsetMs: AHEAD_MS - 1, errorMs: 1 });
  await measure(trips, 0, 400);
  expectClock(trips, { newestMs: 400, offsetMs: AHEAD_MS - 1, errorMs: 1 });
});

it('prefers a newer clock to an older one that may have drifted as much', async () => {
  const trips = new RoundTrips();
  await measure(trips, 5, 5);
  vi.advanceTimersByTime(200_000);
  expectClock(trips, { newestMs: 10, offsetMs: AHEAD_MS, errorMs: 25 });
  await measure(trips, 0, 30);
  expectClock(trips, { newestMs: 30, offsetMs: AHEAD_MS - 15, errorMs: 15 });
});

it('forgets the clock from before one of the two was set', async () => {
  const trips = new RoundTrips();
  await measure(trips, 1, 1);
  await measure(trips, 50, 50, AHEAD_MS - 3_600_000);
  expectClock(trips, { newestMs: 100, offsetMs: AHEAD_MS - 3_600_000, errorMs: 50 });
});

it('knows the clock of the server while the own one is set', async () => {
  const trips = new RoundTrips();
  await measure(trips, 1, 1);
  vi.setSystemTime(Date.now() + 3_600_000);
  expectClock(trips, { newestMs: 2, offsetMs: AHEAD_MS - 3_600_000, errorMs: 1 });
});

it('drops everything and rejects waiting calls when the connection is lost', async () => {
  const trips = new RoundTrips();
  await measure(trips, 1, 1);
  const waiting = [trips.measure(() => undefined), trips.measure(() => undefined)];
  trips.forget(new Error('connection closed'));
  expect(trips.newestMs).toBeUndefined();
  expect(trips.errorMs).toBe(Number.POSITIVE_INFINITY);
  for (const promise of waiting) await expect(promise).rejects.toThrow('connection closed');
});
