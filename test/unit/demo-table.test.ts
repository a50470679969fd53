import { describe, expect, it } from 'vitest';
import type { Anomaly, SymbolStatistics } from '../../client-sdk/src/index.ts';
import { type DemoView, demoLines } from '../../loadgen/demo-table.ts';

const NOW = 1_700_000_000_000;
const PRICES = [
  5e-324, 1e-8, 7.12e-6, 0.00001234567, 0.5, 64_250.5, 1e6, 1e9, 1e12, 1e21, 1.79e308, 2,
];

function statisticsOf(price: number, index: number): SymbolStatistics {
  return {
    symbol: `S${index}${'-LONG'.repeat(index)}`,
    currentPrice: price,
    movingAverage: price,
    minPrice: price,
    maxPrice: price,
    updateCount: 10 ** index,
    lastUpdateTime: NOW - 10 ** index,
  } as SymbolStatistics;
}

function anomalyOf({ symbol, currentPrice }: SymbolStatistics, index: number): Anomaly {
  const change = {
    referencePrice: 5e-324,
    newPrice: currentPrice,
    changePercent: 10 ** (index * 25),
  };
  return { symbol, direction: index % 2 === 0 ? 1 : -1, timestamp: NOW, ...change } as Anomaly;
}

const symbols = PRICES.map(statisticsOf);
const view: DemoView = {
  url: 'http://127.0.0.1:9001',
  ticksPerSecond: 5000,
  symbols,
  anomalies: symbols.map(anomalyOf),
  isInSync: true,
  now: NOW,
};
/** The table's head and rows. */
const tableOf = (lines: readonly string[]) => lines.slice(2, 3 + PRICES.length);

describe("the demo's table", () => {
  it.each([113, 100, 80, 40, 20, 1])('has no line longer than a terminal of %d', (width) => {
    const lines = demoLines(view, false, width);
    expect(lines.map((line) => [...line].length).filter((length) => length > width)).toEqual([]);
  });

  it.each([Infinity, 113, 80, 60])('keeps its columns apart with a width of %d', (width) => {
    const [head = '', ...rows] = tableOf(demoLines(view, false, width));
    // Each price column ends where its title does, behind at least two spaces.
    for (const title of ['PRICE', 'AVERAGE', 'MIN', 'MAX'].filter((name) => head.includes(name))) {
      const end = head.indexOf(title) + title.length;
      for (const row of rows) {
        expect(row.slice(end - 14, end)).toMatch(/^ {2} *[\d.,e+-]+$/);
        expect(row.slice(end, end + 2).trim()).toBe('');
      }
    }
    expect(rows).toHaveLength(PRICES.length);
  });

  it('drops the least important columns where there is no room', () => {
    const heads = [113, 80, 60, 30].map((width) => tableOf(demoLines(view, false, width))[0]);
    expect(heads.map((head) => head?.split(/ {2,}/))).toEqual([
      ['SYMBOL', 'PRICE', 'AVERAGE', 'MIN', 'MAX', 'COUNT', 'AGE', 'LATEST ANOMALY'],
      ['SYMBOL', 'PRICE', 'AVERAGE', 'COUNT', 'LATEST ANOMALY'],
      ['SYMBOL', 'PRICE', 'LATEST ANOMALY'],
      ['SYMBOL', 'PRICE'],
    ]);
  });

  it('shows every price with six digits', () => {
    const shown = symbols.map((one) => {
      const [, row = ''] = tableOf(demoLines({ ...view, symbols: [one] }, false));
      return row.split(/ {2,}/)[1];
    });
    expect(shown).toEqual([
      '4.94066e-324',
      '1.00000e-8',
      '7.12000e-6',
      '0.0000123457',
      '0.500000',
      '64,250.5',
      '1,000,000',
      '1.00000e+9',
      '1.00000e+12',
      '1.00000e+21',
      '1.79000e+308',
      '2.00000',
    ]);
  });

  it('colours a move alone, also where it is cut', () => {
    const plain = demoLines(view, false, 60);
    const coloured = demoLines(view, true, 60);
    const esc = String.fromCharCode(27);
    const codes = new RegExp(`${esc}\\[\\d+m`, 'g');
    expect(coloured.map((line) => line.replace(codes, ''))).toEqual(plain);
    expect(coloured.filter((line) => line.includes(`${esc}[32m▲`)).length).toBeGreaterThan(0);
  });
});
