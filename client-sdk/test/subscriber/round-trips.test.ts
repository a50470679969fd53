import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { RoundTrips } from '../../src/subscriber/round-trips.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The server's clock is ahead by this, ms. */
const AHEAD_MS = 5000;

/** Measures a round trip whose ways take these times, ms. */
async function measure(trips: RoundTrips, thereMs: number, backMs: number): Promise<void> {
  let sentAt = Number.NaN;
  const measured = trips.measure((clientTime) => {
    sentAt = clientTime;
  });
  vi.advanceTimersByTime(thereMs);
  const serverTime = Date.now() + AHEAD_MS;
  vi.advanceTimersByTime(backMs);
  trips.note(sentAt, serverTime);
  expect(await measured).toBe(thereMs + backMs);
}

it('has the newest round trip, and the clock of the fastest of the last eight', async () => {
  const trips = new RoundTrips();
  expect(trips.latency).toBeUndefined();
  await measure(trips, 5, 5);
  await measure(trips, 100, 0);
  expect(trips.latency).toEqual({ roundTripMs: 100, clockOffsetMs: AHEAD_MS });
  await measure(trips, 0, 2);
  expect(trips.latency).toEqual({ roundTripMs: 2, clockOffsetMs: AHEAD_MS - 1 });
  for (let i = 0; i < 7; i++) await measure(trips, 30, 30);
  expect(trips.latency).toEqual({ roundTripMs: 60, clockOffsetMs: AHEAD_MS - 1 });
  await measure(trips, 40, 40);
  expect(trips.latency).toEqual({ roundTripMs: 80, clockOffsetMs: AHEAD_MS });
});

it('drops everything and rejects waiting calls when the connection is lost', async () => {
  const trips = new RoundTrips();
  await measure(trips, 1, 1);
  const waiting = [trips.measure(() => undefined), trips.measure(() => undefined)];
  trips.forget(new Error('connection closed'));
  expect(trips.latency).toBeUndefined();
  for (const promise of waiting) await expect(promise).rejects.toThrow('connection closed');
});
