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

function expectLatency(
  trips: RoundTrips,
  expected: Record<'roundTripMs' | 'clockOffsetMs' | 'clockErrorMs', number>,
): void {
  const { latency } = trips;
  for (const [name, value] of Object.entries(expected)) {
    // But for the drift of seconds.
    expect(Math.abs((latency?.[name as keyof typeof expected] ?? NaN) - value), name).toBeLessThan(
      0.5,
    );
  }
}

it('has the newest round trip, and the clock of the best of the last five minutes', async () => {
  const trips = new RoundTrips();
  expect(trips.latency).toBeUndefined();
  await measure(trips, 5, 5);
  expectLatency(trips, { roundTripMs: 10, clockOffsetMs: AHEAD_MS, clockErrorMs: 5 });
  await measure(trips, 100, 0);
  expectLatency(trips, { roundTripMs: 100, clockOffsetMs: AHEAD_MS, clockErrorMs: 5 });
  await measure(trips, 0, 2);
  expectLatency(trips, { roundTripMs: 2, clockOffsetMs: AHEAD_MS - 1, clockErrorMs: 1 });
  for (let i = 0; i < 29; i++) await measure(trips, 0, 400);
  expectLatency(trips, { roundTripMs: 400, clockOffsetMs: AHEAD_MS - 1, clockErrorMs: 2 });
  await measure(trips, 0, 400);
  expectLatency(trips, { roundTripMs: 400, clockOffsetMs: AHEAD_MS - 200, clockErrorMs: 200 });
});

it('prefers a newer clock to an older one that may have drifted as much', async () => {
  const trips = new RoundTrips();
  await measure(trips, 5, 5);
  vi.advanceTimersByTime(200_000);
  expectLatency(trips, { roundTripMs: 10, clockOffsetMs: AHEAD_MS, clockErrorMs: 25 });
  await measure(trips, 0, 30);
  expectLatency(trips, { roundTripMs: 30, clockOffsetMs: AHEAD_MS - 15, clockErrorMs: 15 });
});

it('forgets the clock from before one of the two was set', async () => {
  const trips = new RoundTrips();
  await measure(trips, 1, 1);
  await measure(trips, 50, 50, AHEAD_MS - 3_600_000);
  const clockOffsetMs = AHEAD_MS - 3_600_000;
  expectLatency(trips, { roundTripMs: 100, clockOffsetMs, clockErrorMs: 50 });
});

it('knows the clock of the server while the own one is set', async () => {
  const trips = new RoundTrips();
  await measure(trips, 1, 1);
  const serverTime = Date.now() + AHEAD_MS;
  vi.setSystemTime(Date.now() + 3_600_000);
  expect(trips.clock()?.serverTime).toBeCloseTo(serverTime, 3);
  const clockOffsetMs = AHEAD_MS - 3_600_000;
  expectLatency(trips, { roundTripMs: 2, clockOffsetMs, clockErrorMs: 1 });
});

it('drops everything and rejects waiting calls when the connection is lost', async () => {
  const trips = new RoundTrips();
  await measure(trips, 1, 1);
  const waiting = [trips.measure(() => undefined), trips.measure(() => undefined)];
  trips.forget(new Error('connection closed'));
  expect(trips.latency).toBeUndefined();
  for (const promise of waiting) await expect(promise).rejects.toThrow('connection closed');
});
