const { connect } = require('@tickwire/client');

const subscriber = connect(new URLSearchParams(location.search).get('server'));
subscriber.subscribe('BTC-USD');
subscriber.on('update', async ({ changes: [{ symbol, currentPrice }] }) => {
  // A server without a journal has none.
  const past = await subscriber.ticks(symbol).toArray();
  if (past.length > 0) throw new Error(`${past.length} past ticks`);
  document.querySelector('#price').textContent = `${symbol} ${currentPrice}`;
});
