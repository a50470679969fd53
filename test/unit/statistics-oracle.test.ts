import { describe, expect, it } from 'vitest';
import { fc } from '../../testkit/fast-check.ts';
import { exactMean } from '../../testkit/independent/exact-mean.ts';
import {
  DEFAULT_RULES,
  expectedMarket,
  expectedSymbol,
  type Tick,
} from '../../testkit/independent/statistics.ts';

/** Ticks from prices and times in turn. */
function ticks(...numbers: number[]): Tick[] {
  return Array.from({ length: numbers.length / 2 }, (_, index) => ({
    price: numbers[2 * index] as number,
    time: numbers[2 * index + 1] as number,
  }));
}

/** Direction, reference and new price of each anomaly. */
function moves(all: readonly Tick[], parameters = DEFAULT_RULES): unknown[] {
  return expectedSymbol(all, parameters).anomalies.map(({ direction, reference, price }) => [
    direction,
    reference,
    price,
  ]);
}

/** The same, with the default threshold, looked for among all ticks anew for each tick. */
function movesBySearch(all: readonly Tick[], windowMs: number): unknown[] {
  const onTime: Tick[] = [];
  return all.flatMap((tick) => {
    if (tick.time < (onTime.at(-1)?.time ?? 0)) return [];
    onTime.push(tick);
    const held = onTime.filter(({ time }) => time >= tick.time - windowMs);
    const prices = held.map(({ price }) => price);
    const [min, max] = [Math.min(...prices), Math.max(...prices)];
    const up = ((tick.price - min) / min) * 100;
    const down = ((tick.price - max) / max) * 100;
    return [
      ...(up - 2 > 1e-9 ? [[1, min, tick.price]] : []),
      ...(down + 2 < -1e-9 ? [[-1, max, tick.price]] : []),
    ];
  });
}

describe('the statistics', () => {
  it('follow three ticks', () => {
    expect(expectedSymbol(ticks(10, 1000, 13, 5000, 10, 9000)).after).toEqual([
      {
        price: 10,
        average: 10,
        count: 1,
        time: 1000,
        min: 10,
        max: 10,
      },
      {
        price: 13,
        average: 11.5,
        count: 2,
        time: 5000,
        min: 10,
        max: 13,
      },
      {
        price: 10,
        average: 11,
        count: 3,
        time: 9000,
        min: 10,
        max: 13,
      },
    ]);
  });

  it('average the last ticks of the window only', () => {
    const parameters = { ...DEFAULT_RULES, movingAverageWindow: 2 };
    const { after } = expectedSymbol(ticks(1, 0, 2, 1e4, 4, 2e4, 9, 3e4), parameters);
    expect(after.map(({ average }) => average)).toEqual([1, 1.5, 3, 6.5]);
  });

  it('take a late tick into all but price and time', () => {
    const { after, late } = expectedSymbol(ticks(10, 2000, 4, 1999, 12, 2000));
    expect(late).toBe(1);
    expect(after[1]).toEqual({
      price: 10,
      average: 7,
      count: 2,
      time: 2000,
      min: 4,
      max: 10,
    });
    expect(after[2]).toMatchObject({ price: 12, time: 2000, count: 3 });
  });

  it('have the price applied last among equal times', () => {
    const { after, late } = expectedSymbol(ticks(10, 5, 10.1, 5, 10.05, 5));
    expect(late).toBe(0);
    expect(after.at(-1)).toMatchObject({ price: 10.05, time: 5 });
  });
});

describe('the anomalies', () => {
  it('carry all their fields', () => {
    expect(expectedSymbol(ticks(100, 1000, 103, 1500, 103, 3000, 97.85, 3000)).anomalies).toEqual([
      {
        sequence: 1,
        direction: 1,
        reference: 100,
        price: 103,
        changePercent: 3,
        time: 1500,
      },
      {
        sequence: 2,
        direction: -1,
        reference: 103,
        price: 97.85,
        changePercent: ((97.85 - 103) / 103) * 100,
        time: 3000,
      },
    ]);
  });

  it('are strictly beyond the threshold, as decimals would be', () => {
    expect(((10.71 - 10.5) / 10.5) * 100).toBeGreaterThan(2);
    expect(moves(ticks(10.5, 0, 10.71, 1))).toEqual([]);
    expect(moves(ticks(10.1, 0, 10.302, 1))).toEqual([]);
    expect(moves(ticks(10.1, 0, 10.30201, 1))).toEqual([[1, 10.1, 10.30201]]);
    expect(moves(ticks(100, 0, 98, 1))).toEqual([]);
    expect(moves(ticks(100, 0, 97.999, 1))).toEqual([[-1, 100, 97.999]]);
  });

  it('still see a tick exactly as old as the window, and no older one', () => {
    expect(moves(ticks(100, 0, 103, 1000))).toEqual([[1, 100, 103]]);
    expect(moves(ticks(100, 0, 103, 1001))).toEqual([]);
    expect(moves(ticks(100, 0.5, 103, 1000.5))).toEqual([[1, 100, 103]]);
  });

  it('see every tick of one millisecond', () => {
    expect(moves(ticks(100, 7, 103, 7, 100, 7))).toEqual([
      [1, 100, 103],
      [-1, 103, 100],
    ]);
  });

  it('may be two of one tick, Up first', () => {
    expect(moves(ticks(100, 0, 110, 10, 105, 20))).toEqual([
      [1, 100, 110],
      [1, 100, 105],
      [-1, 110, 105],
    ]);
  });

  it('take no notice of late ticks, in neither direction', () => {
    expect(moves(ticks(100, 1000, 50, 999, 101, 1001))).toEqual([]);
    expect(moves(ticks(100, 1000, 150, 900, 100, 1001))).toEqual([]);
  });

  it('come with every tick that qualifies', () => {
    const found = expectedSymbol(ticks(100, 0, 103, 1, 103, 2, 103, 1001)).anomalies;
    expect(found.map(({ sequence, time }) => [sequence, time])).toEqual([
      [1, 1],
      [2, 2],
    ]);
  });

  it('report a move beyond every double as the largest one', () => {
    const [anomaly] = expectedSymbol(ticks(1e-300, 0, 1e300, 1)).anomalies;
    expect(anomaly).toMatchObject({ direction: 1, changePercent: Number.MAX_VALUE });
  });

  it('are those of a search through all ticks before', () => {
    const price = fc.constantFrom(97, 98, 98.5, 99, 100, 101, 102, 103, 1e-300, 1e300);
    const tick = fc.record({ price, time: fc.nat(400) });
    fc.assert(
      fc.property(fc.array(tick, { maxLength: 120 }), (unsorted) => {
        const all = unsorted.map(({ price, time }, i) => ({ price, time: time + 5 * i }));
        const rules = { ...DEFAULT_RULES, slidingWindowMilliseconds: 100 };
        expect(moves(all, rules)).toEqual(movesBySearch(all, 100));
      }),
      { numRuns: 300 },
    );
  });

  it('obey other parameters', () => {
    const parameters = {
      movingAverageWindow: 1,
      slidingWindowMilliseconds: 10,
      anomalyThresholdPercent: 50,
    };
    expect(moves(ticks(100, 0, 150, 10), parameters)).toEqual([]);
    expect(moves(ticks(100, 0, 151, 10), parameters)).toEqual([[1, 100, 151]]);
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

  it('breaks ties to even, and only true ties', () => {
    expect(exactMean([1, 1 + 2 ** -52])).toBe(1);
    expect(exactMean([1 + 2 ** -52, 1 + 2 ** -51])).toBe(1 + 2 ** -51);
    expect(exactMean([1, 1 + 2 ** -52, 1, 1 + 2 ** -51])).toBe(1 + 2 ** -52);
  });
});

describe('expectedMarket', () => {
  it('keeps symbols apart', () => {
    const market = expectedMarket([
      { symbol: 'A', price: 100, time: 0 },
      { symbol: 'B', price: 200, time: 5 },
      { symbol: 'A', price: 103, time: 1 },
      { symbol: 'B', price: 200, time: 4 },
    ]);
    expect([...market.keys()]).toEqual(['A', 'B']);
    expect(market.get('A')).toEqual(expectedSymbol(ticks(100, 0, 103, 1)));
    expect(market.get('B')).toMatchObject({ late: 1, anomalies: [] });
  });
});
