import { describe, expect, it } from 'vitest';
import { Lateness } from '../../src/gateway/ingest/lateness.ts';

/** Takes a frame of ticks, symbol id and time each, at a time of 10 s. */
function take(
  lateness: Lateness,
  publisherId: number,
  ticks: readonly (readonly [symbolId: number, time: number])[],
  now = 10_000,
): void {
  const times = Float64Array.from(ticks, ([, time]) => time);
  lateness.begin(publisherId, now + 1000);
  for (const [index, [symbolId]] of ticks.entries()) lateness.add(symbolId, times, index);
  lateness.end(ticks.length, now);
}

/** Ticks by upper bound of their bucket, s, as far as there are any. */
function bucketsOf(lateness: Lateness, publisher: string): Record<string, number> {
  const reading = lateness.read().find(({ labels }) => labels.publisher === publisher);
  const { bounds = [], counts = [] } = reading ?? {};
  return Object.fromEntries(
    counts.flatMap((count, i) => (count === 0 ? [] : [[String(bounds[i] ?? 'more'), count]])),
  );
}

describe('lateness', () => {
  it('is the time behind the newest tick of the symbol, from any publisher', () => {
    const lateness = new Lateness((id) => `feed-${id}`);
    take(lateness, 1, [
      [0, 9_000],
      [0, 9_000],
      [3_000, 9_500],
      [0, 8_999],
    ]);
    take(lateness, 2, [
      [0, 8_950],
      [3_000, 9_600],
      [3_000, 9_599.5],
    ]);
    take(lateness, 0, [[3_000, 1]]);
    expect(bucketsOf(lateness, 'feed-1')).toEqual({ 0: 3, 0.001: 1 });
    expect(bucketsOf(lateness, 'feed-2')).toEqual({ 0: 1, 0.001: 1, 0.05: 1 });
    expect(bucketsOf(lateness, 'unnamed')).toEqual({ 10: 1 });
    expect(lateness.read().map(({ sum }) => sum)).toEqual([9.599, 0.001, 0.0505]);
  });

  it('comes with the least time from a tick to its arrival', () => {
    const lateness = new Lateness((id) => `feed-${id}`);
    take(lateness, 1, [
      [0, 9_000],
      [1, 9_700],
    ]);
    take(lateness, 1, [[0, 9_900]], 10_500);
    take(lateness, 2, [[0, 10_250]]);
    take(lateness, 3, []);
    expect(lateness.leastDelays()).toEqual({ 'feed-1': 0.3, 'feed-2': -0.25 });
  });

  it('forgets times of another symbol, and those that a clock ahead let through', () => {
    const lateness = new Lateness(() => 'feed');
    take(lateness, 1, [[0, 9_000]]);
    lateness.begins(0);
    take(lateness, 1, [[0, 8_000]]);
    take(lateness, 1, [[0, 60_000]], 60_000);
    take(lateness, 1, [[0, 9_000]]);
    take(lateness, 1, [[0, 8_990]]);
    expect(bucketsOf(lateness, 'feed')).toEqual({ 0: 4, 0.01: 1 });
  });

  it('has series for 64 publishers, and one for all others', () => {
    const lateness = new Lateness((id) => `feed-${id}`);
    for (let id = 1; id <= 200; id++) take(lateness, id, [[id, 9_000]]);
    const labels = lateness.read().map((reading) => reading.labels.publisher);
    expect(labels).toHaveLength(65);
    expect(bucketsOf(lateness, 'other')).toEqual({ 0: 136 });
    expect(bucketsOf(lateness, 'feed-64')).toEqual({ 0: 1 });
  });
});
