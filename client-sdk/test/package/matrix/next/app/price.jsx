'use client';

import { useSymbol } from '@tickwire/client/react';

export function Price({ symbol, first }) {
  const price = useSymbol(symbol, ({ currentPrice }) => currentPrice);
  return (
    <p id="price">
      {symbol} {price ?? first}
    </p>
  );
}
