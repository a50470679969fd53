/** What rows are sorted by. `trend`: how far the price is above its moving average. */
export type SortKey = 'symbol' | 'trend' | 'price' | 'average' | 'min' | 'max' | 'count' | 'age';

export interface Sort {
  readonly key: SortKey;
  readonly isDescending: boolean;
}

/** What sorting reads of a row. */
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
 * The rows whose symbol contains a text, whatever its case, in order. Equals come by their symbol,
 * so that two orders of the same rows are the same.
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

/** What a click on a heading does: the other direction, or a new key with its usual one. */
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
