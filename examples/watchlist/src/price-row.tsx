import type { SymbolSnapshot } from '@tickwire/client/react';
import { memo } from 'react';

const PRICE = new Intl.NumberFormat('en-US', {
  minimumSignificantDigits: 6,
  maximumSignificantDigits: 6,
});

/** A row is drawn again only when its symbol's snapshot is another one. */
export const PriceRow = memo(function PriceRow({ snapshot }: { snapshot: SymbolSnapshot }) {
  const { symbol, currentPrice, previousPrice, isLive } = snapshot;
  const move = currentPrice > previousPrice ? 'up' : currentPrice < previousPrice ? 'down' : '';
  return (
    <tr className={isLive ? 'live' : 'stale'}>
      <td>{symbol}</td>
      <td className={move}>{PRICE.format(currentPrice)}</td>
      <td>{PRICE.format(snapshot.movingAverage)}</td>
      <td>{PRICE.format(snapshot.minPrice)}</td>
      <td>{PRICE.format(snapshot.maxPrice)}</td>
      <td>{snapshot.updateCount.toLocaleString('en-US')}</td>
    </tr>
  );
});
