const { connect } = require('@tickwire/client');

const subscriber = connect(process.argv[2]);
subscriber.subscribe('BTC-USD');
subscriber.on('update', ({ changes: [{ symbol, currentPrice }] }) => {
  console.log(symbol, currentPrice);
  subscriber.close();
});
