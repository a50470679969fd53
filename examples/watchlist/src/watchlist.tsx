import { useSymbols } from '@tickwire/client/react';
import { useState } from 'react';
import { PriceRow } from './price-row.tsx';

const COLUMNS = [
  ['symbol', 'Symbol'],
  ['currentPrice', 'Price'],
  ['movingAverage', 'Average'],
  ['minPrice', 'Min'],
  ['maxPrice', 'Max'],
  ['updateCount', 'Ticks'],
] as const;

type Column = (typeof COLUMNS)[number][0];

/** Symbols in the order that was chosen by a click on a heading; a second click turns it round. */
export function Watchlist({ patterns }: { patterns: readonly string[] }) {
  const [sort, setSort] = useState<Column | `-${Column}`>('symbol');
  const symbols = useSymbols(patterns, { sort, limit: 200 });
  return (
    <table>
      <thead>
        <tr>
          {COLUMNS.map(([column, title]) => (
            <th
              key={column}
              scope="col"
              aria-sort={
                sort === column ? 'ascending' : sort === `-${column}` ? 'descending' : undefined
              }
            >
              <button
                type="button"
                onClick={() => setSort(sort === column ? `-${column}` : column)}
              >
                {title}
              </button>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {symbols.map((snapshot) => (
          <PriceRow key={snapshot.symbol} snapshot={snapshot} />
        ))}
      </tbody>
    </table>
  );
}
