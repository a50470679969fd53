import { describe, expect, it } from 'vitest';
import { ExpectedSymbol, type ServedSymbol } from '../../loadgen/soak/expected-symbol.ts';
import { KnownTicks } from '../../loadgen/soak/known-ticks.ts';
import { Lineage } from '../../loadgen/soak/lineage.ts';
import { trendOf } from '../../loadgen/soak/trend.ts';
import { naiveStatistics } from '../support/naive-statistics.ts';

describe('the lineage of frames', () => {
  it('follows acknowledgements, and a session that resumes further on', () => {
    const lineage = new Lineage();
    expect(lineage.resumed(0)).toBe(0);
    lineage.acknowledged(3);
    // Two frames came to the server whose acknowledgement was lost.
    expect(lineage.resumed(5)).toBe(0);
    expect(lineage).toMatchObject({ frames: [0, 1, 2, 3, 4], lost: [], next: 5 });
  });

  it('knows what a server lost that comes back behind what it acknowledged', () => {
    const lineage = new Lineage();
    lineage.acknowledged(5);
    expect(lineage.resumed(2)).toBe(3);
    lineage.acknowledged(4);
    expect(lineage).toMatchObject({ frames: [0, 1, 5, 6], lost: [2, 3, 4], next: 7 });
  });
});

describe('known ticks', () => {
  const options = { seed: 3, symbols: ['A', 'B'], startMs: 1_700_000_000_000, intervalMs: 2 };

  it('are the same whoever asks, in whatever order', () => {
    const one = new KnownTicks({ ...options, badShare: 0.01 });
    const other = new KnownTicks({ ...options, badShare: 0.01 });
    const forth = Array.from({ length: 500 }, (_, i) => one.at(i));
    const back = Array.from({ length: 500 }, (_, i) => other.at(499 - i)).reverse();
    expect(forth).toEqual(back);
    expect(forth.some(({ isBad }) => isBad)).toBe(true);
    expect(forth.every(({ price, isBad }) => price < 0 === isBad)).toBe(true);
  });

  it('come to what the definition says, late ones and anomalies too', () => {
    const ticks = new KnownTicks({ ...options, badShare: 0 });
    const story = Array.from({ length: 20_000 }, (_, i) => ticks.at(i)).filter(
      ({ symbol }) => symbol === 0,
    );
    // A jump is rare: what is around one is enough for an independent recomputation that takes its time.
    const jump = story.findIndex(({ price }) => price > 104);
    const part = story.slice(Math.max(0, jump - 200), jump + 300);
    const expected = new ExpectedSymbol();
    for (const { price, time } of part) expected.apply(price, time);
    const naive = naiveStatistics(part);
    const last = naive.after.at(-1);
    expect(expected).toMatchObject({
      count: part.length,
      currentPrice: last?.currentPrice,
      lastTime: last?.lastUpdateTime,
      minPrice: last?.minPrice,
      maxPrice: last?.maxPrice,
    });
    expect(expected.movingAverage).toBeCloseTo(last?.movingAverage ?? Number.NaN, 10);
    expect(naive.late).toBeGreaterThan(0);
    expect(naive.anomalies.length).toBeGreaterThan(0);
    expect(expected.anomalies).toEqual(
      naive.anomalies.map(({ direction, referencePrice, newPrice, timestamp }) => ({
        direction,
        referencePrice,
        newPrice,
        time: timestamp,
      })),
    );
  });

  it('differ from a server that applied one twice', () => {
    const expected = new ExpectedSymbol();
    expected.apply(100, 1000);
    const served: ServedSymbol = {
      symbol: 'A',
      currentPrice: 100,
      movingAverage: 100,
      updateCount: 2,
      lastUpdateTime: new Date(1000).toISOString(),
      minPrice: 100,
      maxPrice: 100,
      anomaliesDetected: 0,
    };
    expect(expected.differences(served)).toEqual(['count is 2, must be 1']);
    expect(expected.differences({ ...served, updateCount: 1 })).toEqual([]);
  });
});

it('a trend rises by what its line does', () => {
  const samples = Array.from({ length: 11 }, (_, i) => ({ at: i * 100, value: 5 + i + (i % 2) }));
  expect(trendOf(samples).rise).toBeCloseTo(10, 0);
  expect(trendOf(samples.map(({ at }) => ({ at, value: 7 }))).rise).toBe(0);
});
