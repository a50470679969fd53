import { TickwireProvider, useSymbol } from '@tickwire/client/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

const server = new URLSearchParams(location.search).get('server');

function Price({ symbol }) {
  const price = useSymbol(symbol, ({ currentPrice }) => currentPrice);
  return (
    <p id="price">
      {symbol} {price ?? '…'}
    </p>
  );
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <TickwireProvider url={server}>
      <Price symbol="BTC-USD" />
    </TickwireProvider>
  </StrictMode>,
);
