import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextSort, orderRows, type Sort, type SortKey } from '../src/symbol-order.ts';

function row(symbol: string, price = 1, count = 1, time = 0) {
  return { symbol, price, average: 2, min: price, max: price, count, time };
}

function names(rows: Iterable<ReturnType<typeof row>>, filter: string, sort: Sort): string[] {
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

test('equals come by symbol, in either direction', () => {
  const rows = [row('b', 5), row('c', 7), row('a', 5)];
  expect(names(rows, '', { key: 'price', isDescending: true })).toEqual(['c', 'a', 'b']);
  expect(names(rows, '', { key: 'price', isDescending: false })).toEqual(['a', 'b', 'c']);
});

test('age grows as the time of the newest tick goes back; trend is the distance from the average', () => {
  const rows = [row('old', 3, 1, 100), row('new', 1, 1, 200)];
  expect(names(rows, '', { key: 'age', isDescending: false })).toEqual(['new', 'old']);
  expect(names(rows, '', { key: 'trend', isDescending: true })).toEqual(['old', 'new']);
});

test('whatever the rows and the key are, the order is a permutation, and the same for any input', () => {
  const KEYS: SortKey[] = ['symbol', 'trend', 'price', 'average', 'min', 'max', 'count', 'age'];
  const rows = fc.uniqueArray(
    fc.record({ symbol: fc.string({ minLength: 1 }), price: fc.integer({ min: 1, max: 5 }) }),
    { selector: ({ symbol }) => symbol },
  );
  fc.assert(
    fc.property(rows, fc.constantFrom(...KEYS), fc.boolean(), (values, key, isDescending) => {
      const made = values.map(({ symbol, price }) => row(symbol, price));
      const ordered = names(made, '', { key, isDescending });
      expect([...ordered].sort()).toEqual(made.map(({ symbol }) => symbol).sort());
      expect(names(made.toReversed(), '', { key, isDescending })).toEqual(ordered);
    }),
  );
});

test('a heading sorts by its column, numbers from the greatest, and turns round when sorted by', () => {
  const byPrice = nextSort(BY_SYMBOL, 'price');
  expect(byPrice).toEqual({ key: 'price', isDescending: true });
  expect(nextSort(byPrice, 'price')).toEqual({ key: 'price', isDescending: false });
  expect(nextSort(byPrice, 'symbol')).toEqual(BY_SYMBOL);
  expect(nextSort(byPrice, 'age')).toEqual({ key: 'age', isDescending: false });
});
