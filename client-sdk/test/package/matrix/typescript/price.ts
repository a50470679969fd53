import { connect, type Subscriber, type Update } from '@tickwire/client';

const subscriber: Subscriber = connect(process.argv[2] ?? '');
subscriber.subscribe('BTC-USD');
subscriber.on('update', ({ changes }: Update) => {
  for (const { symbol, currentPrice } of changes) {
    const price: number = currentPrice;
    console.log(symbol, price);
  }
  subscriber.close();
});
// @ts-expect-error A pattern is a string.
export const refused = (): void => void subscriber.subscribe(7);
