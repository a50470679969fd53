const { connect } = require('@tickwire/client');

const subscriber = connect(new URLSearchParams(location.search).get('server'));
subscriber.subscribe('BTC-USD');
subscriber.on('update', ({ changes }) => {
  for (const { symbol, currentPrice } of changes) {
    document.querySelector('#price').textContent = `${symbol} ${currentPrice}`;
  }
});
