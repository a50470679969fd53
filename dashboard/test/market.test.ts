import { describe, expect, it } from 'vitest';
import type { SymbolSnapshot } from '../src/http-api.ts';
import { Market } from '../src/symbols/market.ts';

const TIME = 1_700_000_000_000;

function snapshot(symbol: string, updateCount: number, ms = updateCount): SymbolSnapshot {
  return {
    symbol,
    currentPrice: updateCount,
    movingAverage: 1,
    updateCount,
    lastUpdateTime: new Date(TIME + ms).toISOString(),
    minPrice: 1,
    maxPrice: 1,
  } as SymbolSnapshot;
}

const symbolsOf = (market: Market) => [...market.rows()].map(({ symbol }) => symbol);

describe('the market', () => {
  it('drops symbols that a whole list lacks, but none that came meanwhile', () => {
    const market = new Market();
    market.beginList();
    market.takePage([snapshot('A', 1), snapshot('B', 1)]);
    market.endList();
    market.beginList();
    market.takePage([snapshot('B', 2)]);
    expect(symbolsOf(market)).toEqual(['A', 'B']);
    market.takePage([snapshot('C', 1)]);
    market.endList();
    expect(symbolsOf(market)).toEqual(['B', 'C']);
  });

  it('drops a symbol that is gone, once', () => {
    const market = new Market();
    market.takePage([snapshot('A', 1)]);
    market.remove('A');
    market.remove('A');
    expect(market.size).toBe(0);
  });

  it('takes a lower count only of a symbol that began anew', () => {
    const market = new Market();
    market.takePage([snapshot('A', 9)]);
    market.takePage([snapshot('A', 8)]);
    expect(market.get('A')?.count).toBe(9);
    market.takePage([snapshot('A', 2, 5000)]);
    expect(market.get('A')?.count).toBe(2);
  });
});
