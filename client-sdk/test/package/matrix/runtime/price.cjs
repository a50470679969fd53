const { connect } = require('@tickwire/client');

const subscriber = connect(process.argv[2]);
subscriber.subscribe('BTC-USD');
subscriber.on('update', async ({ changes: [{ symbol, currentPrice }] }) => {
  // A server without a journal has none.
  const past = await subscriber.ticks(symbol).toArray();
  if (past.length > 0) throw new Error(`${past.length} past ticks`);
  console.log(symbol, currentPrice);
  subscriber.close();
});
