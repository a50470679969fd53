import { describe, expect, it } from 'vitest';
import {
  exactMean,
  NAIVE_DEFAULTS,
  type NaiveTick,
  naiveMarket,
  naiveStatistics,
} from '../../testkit/independent/statistics.ts';

/** Ticks from prices and times in turn. */
function ticks(...numbers: number[]): NaiveTick[] {
  return Array.from({ length: numbers.length / 2 }, (_, index) => ({
    price: numbers[2 * index] as number,
    time: numbers[2 * index + 1] as number,
  }));
}

/** Direction, reference and new price of each anomaly. */
function moves(all: readonly NaiveTick[], parameters = NAIVE_DEFAULTS): unknown[] {
  return naiveStatistics(all, parameters).anomalies.map(
    ({ direction, referencePrice, newPrice }) => [direction, referencePrice, newPrice],
  );
}

describe('the statistics', () => {
  it('follow three ticks', () => {
    expect(naiveStatistics(ticks(10, 1000, 13, 5000, 10, 9000)).after).toEqual([
      {
        currentPrice: 10,
        movingAverage: 10,
        updateCount: 1,
        lastUpdateTime: 1000,
        minPrice: 10,
        maxPrice: 10,
      },
      {
        currentPrice: 13,
        movingAverage: 11.5,
        updateCount: 2,
        lastUpdateTime: 5000,
        minPrice: 10,
        maxPrice: 13,
      },
      {
        currentPrice: 10,
        movingAverage: 11,
        updateCount: 3,
        lastUpdateTime: 9000,
        minPrice: 10,
        maxPrice: 13,
      },
    ]);
  });

  it('average the last ticks of the window only', () => {
    const parameters = { ...NAIVE_DEFAULTS, movingAverageWindow: 2 };
    const { after } = naiveStatistics(ticks(1, 0, 2, 1e4, 4, 2e4, 9, 3e4), parameters);
    expect(after.map(({ movingAverage }) => movingAverage)).toEqual([1, 1.5, 3, 6.5]);
  });

  it('take a late tick into all but price and time', () => {
    const { after, late } = naiveStatistics(ticks(10, 2000, 4, 1999, 12, 2000));
    expect(late).toBe(1);
    expect(after[1]).toEqual({
      currentPrice: 10,
      movingAverage: 7,
      updateCount: 2,
      lastUpdateTime: 2000,
      minPrice: 4,
      maxPrice: 10,
    });
    expect(after[2]).toMatchObject({ currentPrice: 12, lastUpdateTime: 2000, updateCount: 3 });
  });

  it('have the price applied last among equal times', () => {
    const { after, late } = naiveStatistics(ticks(10, 5, 10.1, 5, 10.05, 5));
    expect(late).toBe(0);
    expect(after.at(-1)).toMatchObject({ currentPrice: 10.05, lastUpdateTime: 5 });
  });
});

describe('the anomalies', () => {
  it('carry all their fields', () => {
    expect(naiveStatistics(ticks(100, 1000, 103, 1500, 103, 3000, 97.85, 3000)).anomalies).toEqual([
      {
        sequence: 1,
        direction: 'Up',
        referencePrice: 100,
        newPrice: 103,
        changePercent: 3,
        timestamp: 1500,
      },
      {
        sequence: 2,
        direction: 'Down',
        referencePrice: 103,
        newPrice: 97.85,
        changePercent: ((97.85 - 103) / 103) * 100,
        timestamp: 3000,
      },
    ]);
  });

  it('are strictly beyond the threshold, as decimals would be', () => {
    expect(((10.71 - 10.5) / 10.5) * 100).toBeGreaterThan(2);
    expect(moves(ticks(10.5, 0, 10.71, 1))).toEqual([]);
    expect(moves(ticks(10.1, 0, 10.302, 1))).toEqual([]);
    expect(moves(ticks(10.1, 0, 10.30201, 1))).toEqual([['Up', 10.1, 10.30201]]);
    expect(moves(ticks(100, 0, 98, 1))).toEqual([]);
    expect(moves(ticks(100, 0, 97.999, 1))).toEqual([['Down', 100, 97.999]]);
  });

  it('still see a tick exactly as old as the window, and no older one', () => {
    expect(moves(ticks(100, 0, 103, 1000))).toEqual([['Up', 100, 103]]);
    expect(moves(ticks(100, 0, 103, 1001))).toEqual([]);
    expect(moves(ticks(100, 0.5, 103, 1000.5))).toEqual([['Up', 100, 103]]);
  });

  it('see every tick of one millisecond', () => {
    expect(moves(ticks(100, 7, 103, 7, 100, 7))).toEqual([
      ['Up', 100, 103],
      ['Down', 103, 100],
    ]);
  });

  it('may be two of one tick, Up first', () => {
    expect(moves(ticks(100, 0, 110, 10, 105, 20))).toEqual([
      ['Up', 100, 110],
      ['Up', 100, 105],
      ['Down', 110, 105],
    ]);
  });

  it('take no notice of late ticks, in neither direction', () => {
    expect(moves(ticks(100, 1000, 50, 999, 101, 1001))).toEqual([]);
    expect(moves(ticks(100, 1000, 150, 900, 100, 1001))).toEqual([]);
  });

  it('come with every tick that qualifies', () => {
    const found = naiveStatistics(ticks(100, 0, 103, 1, 103, 2, 103, 1001)).anomalies;
    expect(found.map(({ sequence, timestamp }) => [sequence, timestamp])).toEqual([
      [1, 1],
      [2, 2],
    ]);
  });

  it('report a move beyond every double as the largest one', () => {
    const [anomaly] = naiveStatistics(ticks(1e-300, 0, 1e300, 1)).anomalies;
    expect(anomaly).toMatchObject({ direction: 'Up', changePercent: Number.MAX_VALUE });
  });

  it('obey other parameters', () => {
    const parameters = {
      movingAverageWindow: 1,
      slidingWindowMilliseconds: 10,
      anomalyThresholdPercent: 50,
    };
    expect(moves(ticks(100, 0, 150, 10), parameters)).toEqual([]);
    expect(moves(ticks(100, 0, 151, 10), parameters)).toEqual([['Up', 100, 151]]);
    expect(moves(ticks(100, 0, 151, 11), parameters)).toEqual([]);
  });
});

describe('exactMean', () => {
  it('rounds once', () => {
    expect(exactMean([0.1, 0.2, 0.3])).toBe(0.2);
    expect((0.1 + 0.2 + 0.3) / 3).not.toBe(0.2);
    expect(exactMean([1, 1, 2])).toBe(4 / 3);
    expect(exactMean([1e300, 1e-300, 1])).toBe(1e300 / 3);
    expect(exactMean([0.1])).toBe(0.1);
    expect(exactMean([Number.MAX_VALUE, Number.MAX_VALUE])).toBe(Number.MAX_VALUE);
    expect(exactMean([1e-290, 3e-290])).toBe(2e-290);
  });

  it('breaks ties to even, and no tie that is none', () => {
    expect(exactMean([1, 1 + 2 ** -52])).toBe(1);
    expect(exactMean([1 + 2 ** -52, 1 + 2 ** -51])).toBe(1 + 2 ** -51);
    expect(exactMean([1, 1 + 2 ** -52, 1, 1 + 2 ** -51])).toBe(1 + 2 ** -52);
  });
});

describe('naiveMarket', () => {
  it('keeps symbols apart', () => {
    const market = naiveMarket([
      { symbol: 'A', price: 100, time: 0 },
      { symbol: 'B', price: 200, time: 5 },
      { symbol: 'A', price: 103, time: 1 },
      { symbol: 'B', price: 200, time: 4 },
    ]);
    expect([...market.keys()]).toEqual(['A', 'B']);
    expect(market.get('A')).toEqual(naiveStatistics(ticks(100, 0, 103, 1)));
    expect(market.get('B')).toMatchObject({ late: 1, anomalies: [] });
  });
});
