/** @jest-environment jsdom */
const { TickwireProvider, useSymbol } = require('@tickwire/client/react');
const { act, createElement } = require('react');
const { createRoot } = require('react-dom/client');

globalThis.IS_REACT_ACT_ENVIRONMENT = true;

function Price({ symbol }) {
  return useSymbol(symbol, ({ currentPrice }) => `${symbol} ${currentPrice}`);
}

test('shows the price in a component', async () => {
  const root = createRoot(document.body);
  const price = createElement(Price, { symbol: 'BTC-USD' });
  const url = process.env.TICKWIRE_URL;
  await act(() => root.render(createElement(TickwireProvider, { url }, price)));
  while (document.body.textContent === '') {
    await act(() => new Promise((resolve) => setTimeout(resolve, 10)));
  }
  expect(document.body.textContent).toBe(`BTC-USD ${process.env.EXPECTED_PRICE}`);
  await act(() => root.unmount());
});
