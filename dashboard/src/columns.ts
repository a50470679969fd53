import type { SortKey } from './symbol-order.ts';

/** A column of the table of symbols. */
export interface Column {
  readonly key: SortKey;
  readonly title: string;
  /** Says more than the title where that is not all. */
  readonly hint?: string;
}

export const COLUMNS: readonly Column[] = [
  { key: 'symbol', title: 'Symbol' },
  { key: 'trend', title: 'Trend', hint: 'Sorts by the distance of the price from its average' },
  { key: 'price', title: 'Price' },
  { key: 'average', title: 'Average', hint: 'The mean of the last ticks' },
  { key: 'min', title: 'Min', hint: 'The lowest price since the server started' },
  { key: 'max', title: 'Max', hint: 'The highest price since the server started' },
  { key: 'count', title: 'Ticks', hint: 'Ticks applied' },
  { key: 'age', title: 'Age', hint: 'How long ago the newest tick was' },
];
