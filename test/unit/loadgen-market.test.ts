import { describe, expect, it } from 'vitest';
import { Clock } from '../../loadgen/clock.ts';
import { demoListings } from '../../loadgen/demo-listings.ts';
import { Market, type MarketOptions } from '../../loadgen/market.ts';
import { validateSymbol } from '../../src/protocol/symbol.ts';

const OPTIONS: MarketOptions = {
  symbols: 50,
  seed: 1,
  rate: 10_000,
  zipfExponent: 1,
  jumpProbability: 0,
};

interface MarketTick {
  readonly symbol: number;
  readonly price: number;
  readonly time: number;
  readonly due: number;
}

function ticksOf(options: Partial<MarketOptions>, batches = 20): [MarketTick[], Market] {
  const market = new Market({ ...OPTIONS, ...options }, new Clock());
  market.start(1_700_000_000_000);
  const ticks: MarketTick[] = [];
  for (let b = 0; b < batches; b++) {
    const { count, symbols, prices, times, dueMs } = market.next();
    for (let i = 0; i < count; i++) {
      ticks.push({
        symbol: symbols[i] as number,
        price: prices[i] as number,
        time: times[i] as number,
        due: dueMs[i] as number,
      });
    }
  }
  return [ticks, market];
}

/** The largest move of any symbol against its minimum or maximum of one second, in percent. */
function largestMove(ticks: readonly MarketTick[]): number {
  const windows = new Map<number, MarketTick[]>();
  let largest = 0;
  for (const tick of ticks) {
    const window = windows.get(tick.symbol) ?? [];
    windows.set(tick.symbol, window);
    window.push(tick);
    let [minimum, maximum] = [tick.price, tick.price];
    for (let i = window.length - 1; (window[i]?.time ?? 0) >= tick.time - 1000; i--) {
      const { price } = window[i] as MarketTick;
      if (price < minimum) minimum = price;
      if (price > maximum) maximum = price;
    }
    largest = Math.max(largest, (tick.price / minimum - 1) * 100, (1 - tick.price / maximum) * 100);
  }
  return largest;
}

describe('Market', () => {
  it('gives equal ticks for equal options', () => {
    expect(ticksOf({ jumpProbability: 0.01 })[0]).toEqual(ticksOf({ jumpProbability: 0.01 })[0]);
    expect(ticksOf({ seed: 2 })[0]).not.toEqual(ticksOf({})[0]);
  });

  it('keeps to its schedule, and a tick has the time when it is due', () => {
    const [ticks] = ticksOf({}, 2);
    for (const [i, { due, time }] of ticks.entries()) {
      expect(due).toBeCloseTo(i / 10, 9);
      expect(time).toBe(1_700_000_000_000 + due);
    }
  });

  it('stays well below the threshold of an anomaly without jumps', () => {
    expect(largestMove(ticksOf({}, 60)[0])).toBeLessThan(1.5);
  });

  it('jumps beyond the threshold at the rate asked for', () => {
    const [ticks, market] = ticksOf({ jumpProbability: 0.002 }, 60);
    const expected = ticks.length * 0.002;
    expect(Math.abs(market.jumps - expected)).toBeLessThan(5 * Math.sqrt(expected));
    expect(largestMove(ticks)).toBeGreaterThan(2.9);
  });

  it('keeps prices positive and within twice and half their start', () => {
    const [ticks] = ticksOf({ symbols: 1, jumpProbability: 0.5 }, 40);
    const prices = ticks.map(({ price }) => price);
    expect(Math.min(...prices)).toBeGreaterThan(0);
    expect(Math.max(...prices) / Math.min(...prices)).toBeLessThan(4.5);
  });

  it('never gives two ticks the same time, also without a schedule', () => {
    const [ticks] = ticksOf({ rate: Number.POSITIVE_INFINITY });
    for (let i = 1; i < ticks.length; i++) {
      expect(ticks[i]?.time).toBeGreaterThan(ticks[i - 1]?.time as number);
    }
    expect(ticks.every(({ due }) => Number.isNaN(due))).toBe(true);
  });

  it('plays listings, the first most often, each from its price', () => {
    const [ticks, market] = ticksOf({ symbols: demoListings });
    expect(market.symbols).toHaveLength(200);
    expect(new Set(market.symbols).size).toBe(200);
    expect(market.symbols.every((symbol) => validateSymbol(symbol) === undefined)).toBe(true);
    const counts = new Map<number, number>();
    for (const { symbol, price } of ticks) {
      counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
      const listed = demoListings[symbol]?.price as number;
      expect(Math.abs(price / listed - 1)).toBeLessThan(0.05);
    }
    expect(Math.max(...counts.values())).toBe(counts.get(0));
  });

  it('names symbols by the rules', () => {
    expect(new Market(OPTIONS, new Clock()).symbols.slice(0, 2)).toEqual([
      'SYM-00000',
      'SYM-00001',
    ]);
  });
});
