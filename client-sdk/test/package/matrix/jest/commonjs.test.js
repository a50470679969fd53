const { connect } = require('@tickwire/client');

test('shows the price', async () => {
  const subscriber = connect(process.env.TICKWIRE_URL);
  subscriber.subscribe('BTC-USD');
  const price = await new Promise((resolve) => {
    subscriber.on('update', ({ changes }) => resolve(changes[0].currentPrice));
  });
  subscriber.close();
  expect(price).toBe(Number(process.env.EXPECTED_PRICE));
});
