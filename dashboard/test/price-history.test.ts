import { describe, expect, test } from 'vitest';
import { fc } from '../../testkit/fast-check.ts';
import { PriceHistory, WindowExtremes } from '../src/chart/price-history.ts';

const RULES = { anomalyThresholdPercent: 2, slidingWindowMilliseconds: 1000 };

test('extremes of the sliding window equal a naive search', () => {
  const step = fc.tuple(fc.integer({ min: 0, max: 700 }), fc.integer({ min: 1, max: 20 }));
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 300 }), (steps) => {
      const extremes = new WindowExtremes(1000);
      const seen: { time: number; price: number }[] = [];
      let time = 0;
      for (const [pause, price] of steps) {
        time += pause;
        seen.push({ time, price });
        extremes.add(time, price);
        const inWindow = seen.filter((tick) => tick.time >= time - 1000).map((tick) => tick.price);
        expect(extremes.min).toBe(Math.min(...inWindow));
        expect(extremes.max).toBe(Math.max(...inWindow));
      }
    }),
  );
});

test('the band is the threshold above the lowest and below the highest price of the window', () => {
  const history = new PriceHistory(RULES);
  history.add(10_000, 100, 100);
  history.add(10_500, 101, 100.5);
  // 100 is exactly as old as the window and still counts.
  history.add(11_000, 100.5, 100.5);
  history.add(11_001, 100.6, 100.5);
  const [times, upper, lower, averages, prices] = history.columnsFrom(0, 11.001);
  expect([...times]).toEqual([10, 10.5, 11, 11.001, 11.001]);
  expect([...prices]).toEqual([100, 101, 100.5, 100.6, 100.6]);
  expect([...averages]).toEqual([100, 100.5, 100.5, 100.5, 100.5]);
  expect([...upper]).toEqual([100, 100, 100, 100.5, 100.5].map((price) => price * 1.02));
  expect([...lower]).toEqual([100, 101, 101, 101, 101].map((price) => price * 0.98));
});

test('the last point is the present, and older prices leave the window with time', () => {
  const history = new PriceHistory(RULES);
  history.add(10_000, 100, 100);
  history.add(10_100, 110, 105);
  const [times, upper, , , prices] = history.columnsFrom(0, 30);
  expect(times.at(-1)).toBe(30);
  expect(prices.at(-1)).toBe(110);
  expect(upper.at(-1)).toBeCloseTo(110 * 1.02, 9);
});

test('of several states with one time the last counts, and all prices are in the band', () => {
  const history = new PriceHistory(RULES);
  history.add(10_000, 100, 100);
  history.add(10_000, 110, 105);
  const [times, upper, lower, , prices] = history.columnsFrom(0, 10);
  expect([...times]).toEqual([10, 10]);
  expect([...prices]).toEqual([110, 110]);
  expect(upper[0]).toBeCloseTo(102, 9);
  expect(lower[0]).toBeCloseTo(107.8, 9);
});

test('columns include the point before their start, so that the line reaches the edge', () => {
  const history = new PriceHistory(RULES);
  for (let second = 0; second < 100; second++) history.add(second * 1000, 100, 100);
  expect(history.columnsFrom(50.5, 99)[0][0]).toBe(50);
});

test('memory is bounded: the oldest points are dropped', () => {
  const history = new PriceHistory(RULES);
  for (let i = 0; i < 50_000; i++) history.add(i * 50, 100 + (i % 7), 100);
  expect(history.length).toBeLessThanOrEqual(18_000);
  // Fifteen minutes at 20 a second, less those dropped at once.
  expect(50_000 * 0.05 - history.start).toBeGreaterThan(800);
  const times = [...history.columnsFrom(0, 2500)[0]];
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

describe('the past', () => {
  const past = (...times: number[]) => ({ times, prices: times.map((time) => time / 1000 + 0.5) });

  test('precedes what was observed, without average, its band empty', () => {
    const history = new PriceHistory(RULES);
    history.add(10_000, 100, 99);
    history.add(11_000, 101, 100);
    history.setPast(past(7000, 8000, 10_000, 10_500));
    expect(history.start).toBe(7);
    const [times, upper, , averages, prices] = history.columnsFrom(0, 11);
    expect([...times]).toEqual([7, 8, 10, 11, 11]);
    expect([...prices]).toEqual([7.5, 8.5, 100, 101, 101]);
    expect([...averages]).toEqual([Number.NaN, Number.NaN, 99, 100, 100]);
    expect([...upper.subarray(0, 3)]).toEqual([7.5, 8.5, 102]);
  });

  test('is replaced, and what is observed goes on behind it', () => {
    const history = new PriceHistory(RULES);
    history.setPast(past(1000, 2000, 3000));
    history.add(4000, 100, 100);
    history.setPast(past(2500, 4000));
    history.add(5000, 101, 100.5);
    history.setPast(past());
    history.setPast(past(500, 600, 3500));
    const [times, , , , prices] = history.columnsFrom(0, 5);
    expect([...times]).toEqual([0.5, 0.6, 3.5, 4, 5, 5]);
    expect([...prices.subarray(0, 4)]).toEqual([1, 1.1, 4, 100]);
  });

  test('has room beside the most points, and goes first', () => {
    const history = new PriceHistory(RULES);
    for (let i = 0; i < 20_000; i++) history.add(1e6 + i * 50, 100, 100);
    const longPast = Array.from({ length: 3000 }, (_, i) => i);
    history.setPast(past(...longPast, 1e9));
    expect(history.length).toBeLessThanOrEqual(18_000);
    expect(history.start).toBe(0);
    const times = [...history.columnsFrom(0, 5000)[0]];
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    for (let i = 20_000; i < 40_000; i++) history.add(1e6 + i * 50, 100, 100);
    expect(history.start).toBeGreaterThan(1000);
    const after = [...history.columnsFrom(0, 5000)[0]];
    expect(after).toEqual(after.toSorted((a, b) => a - b));
  });
});
