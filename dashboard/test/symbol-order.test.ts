import { expect, test } from 'vitest';
import { fc } from '../../testkit/fast-check.ts';
import { nextSort, orderRows, type Sort, type SortKey } from '../src/symbols/symbol-order.ts';

type Row = ReturnType<typeof row>;

function row(symbol: string, price = 1, count = 1, time = 0) {
  return { symbol, price, average: 2, min: price, max: price, count, time };
}

function names(rows: Iterable<Row>, filter: string, sort: Sort): string[] {
  return orderRows(rows, filter, sort).map(({ symbol }) => symbol);
}

const BY_SYMBOL: Sort = { key: 'symbol', isDescending: false };

test('sorts by symbol, by code units as the server does', () => {
  expect(names([row('b'), row('a'), row('B'), row('É')], '', BY_SYMBOL)).toEqual([
    'B',
    'a',
    'b',
    'É',
  ]);
});

test('the filter finds any part of a symbol in any case', () => {
  const rows = [row('BTC-USD'), row('ETH-usd'), row('BTC-EUR')];
  expect(names(rows, 'usd', BY_SYMBOL)).toEqual(['BTC-USD', 'ETH-usd']);
  expect(names(rows, 'C-e', BY_SYMBOL)).toEqual(['BTC-EUR']);
  expect(names(rows, '.*', BY_SYMBOL)).toEqual([]);
});

test('ties are sorted by symbol in either direction', () => {
  const rows = [row('b', 5), row('c', 7), row('a', 5)];
  expect(names(rows, '', { key: 'price', isDescending: true })).toEqual(['c', 'a', 'b']);
  expect(names(rows, '', { key: 'price', isDescending: false })).toEqual(['a', 'b', 'c']);
});

test('age sorts by the time of the newest tick, trend by distance from the average', () => {
  const rows = [row('old', 3, 1, 100), row('new', 1, 1, 200)];
  expect(names(rows, '', { key: 'age', isDescending: false })).toEqual(['new', 'old']);
  expect(names(rows, '', { key: 'trend', isDescending: true })).toEqual(['old', 'new']);
});

/** The value of each sort key, computed independently. */
const VALUES: Readonly<Record<SortKey, (row: Row) => string | number>> = {
  symbol: ({ symbol }) => symbol,
  trend: ({ price, average }) => (price - average) / average,
  price: ({ price }) => price,
  average: ({ average }) => average,
  min: ({ min }) => min,
  max: ({ max }) => max,
  count: ({ count }) => count,
  age: ({ time }) => 1000 - time,
};
const KEYS = Object.keys(VALUES) as SortKey[];

test.each(KEYS)('sorts by %s in either direction, independent of other columns', (key) => {
  const small = fc.integer({ min: 1, max: 5 });
  const rows = fc.uniqueArray(
    fc.record({
      symbol: fc.string({ minLength: 1, maxLength: 3 }),
      price: small,
      average: small,
      min: small,
      max: small,
      count: small,
      time: small,
    }),
    { selector: ({ symbol }) => symbol, maxLength: 40 },
  );
  fc.assert(
    fc.property(rows, fc.boolean(), (made, isDescending) => {
      const ordered = orderRows(made, '', { key, isDescending });
      expect(names(made.toReversed(), '', { key, isDescending })).toEqual(
        ordered.map(({ symbol }) => symbol),
      );
      expect(new Set(ordered)).toEqual(new Set(made));
      expect(ordered.length).toBe(made.length);
      for (const [i, after] of ordered.entries()) {
        const before = ordered[i - 1];
        if (before === undefined) continue;
        const [left, right] = [VALUES[key](before), VALUES[key](after)];
        const isEqual =
          typeof left === 'number' ? Math.abs(left - (right as number)) < 1e-9 : left === right;
        if (isEqual) expect(before.symbol < after.symbol).toBe(true);
        else expect(left < right).toBe(!isDescending);
      }
    }),
  );
});

test('a heading sorts by its column, numbers descending, and toggles the direction', () => {
  const byPrice = nextSort(BY_SYMBOL, 'price');
  expect(byPrice).toEqual({ key: 'price', isDescending: true });
  expect(nextSort(byPrice, 'price')).toEqual({ key: 'price', isDescending: false });
  expect(nextSort(byPrice, 'symbol')).toEqual(BY_SYMBOL);
  expect(nextSort(byPrice, 'age')).toEqual({ key: 'age', isDescending: false });
});
