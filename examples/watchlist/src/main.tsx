import { TickwireProvider } from '@tickwire/client/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { ConnectionBadge } from './connection-badge.tsx';
import { Watchlist } from './watchlist.tsx';

// ?url=ws://… is another server, ?symbols=BTC-*,AAPL are other symbols.
const query = new URLSearchParams(location.search);
const url = query.get('url') ?? 'ws://localhost:9001';
const patterns = query.get('symbols')?.split(',') ?? ['*'];

createRoot(document.querySelector('#root') as Element).render(
  <StrictMode>
    <TickwireProvider url={url} options={{ conflateMs: 100 }}>
      <header>
        <h1>Watchlist</h1>
        <ConnectionBadge />
      </header>
      <Watchlist patterns={patterns} />
    </TickwireProvider>
  </StrictMode>,
);
