/** Sort keys. `trend`: how far the price is above its moving average. */
export type SortKey = 'symbol' | 'trend' | 'price' | 'average' | 'min' | 'max' | 'count' | 'age';

export interface Sort {
  readonly key: SortKey;
  readonly isDescending: boolean;
}

interface Sortable {
  readonly symbol: string;
  readonly price: number;
  readonly average: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
  readonly time: number;
}

/**
 * The rows whose symbol contains a text, ignoring case, in order. Ties are ordered by symbol, so
 * that the order is stable.
 */
export function orderRows<Row extends Sortable>(
  rows: Iterable<Row>,
  filter: string,
  { key, isDescending }: Sort,
): Row[] {
  const wanted = filter.toLowerCase();
  const kept: Row[] = [];
  for (const row of rows) {
    if (wanted === '' || row.symbol.toLowerCase().includes(wanted)) kept.push(row);
  }
  const sign = isDescending ? -1 : 1;
  if (key === 'symbol') return kept.sort((a, b) => sign * compareSymbols(a, b));
  return kept.sort((a, b) => sign * (rank(a, key) - rank(b, key)) || compareSymbols(a, b));
}

/**
 * The sort order after a click on a heading: the other direction, or a new key in its usual one.
 */
export function nextSort(sort: Sort, key: SortKey): Sort {
  if (sort.key === key) return { key, isDescending: !sort.isDescending };
  return { key, isDescending: key !== 'symbol' && key !== 'age' };
}

function compareSymbols(a: Sortable, b: Sortable): number {
  return a.symbol < b.symbol ? -1 : a.symbol > b.symbol ? 1 : 0;
}

function rank(row: Sortable, key: Exclude<SortKey, 'symbol'>): number {
  if (key === 'trend') return row.price / row.average;
  return key === 'age' ? -row.time : row[key];
}
