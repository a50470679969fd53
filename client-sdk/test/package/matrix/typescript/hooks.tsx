import { TickwireProvider, useSymbol } from '@tickwire/client/react';
import type { ReactElement } from 'react';

function Price({ symbol }: { symbol: string }): ReactElement {
  const price: number | undefined = useSymbol(symbol, ({ currentPrice }) => currentPrice);
  return <p>{price}</p>;
}

export const page = (
  <TickwireProvider url="ws://localhost:9001">
    <Price symbol="BTC-USD" />
  </TickwireProvider>
);
// @ts-expect-error A provider has a URL or a subscriber.
export const refused = <TickwireProvider>{page}</TickwireProvider>;
