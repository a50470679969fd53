import { Price } from './price.jsx';
import { currentPrice } from './subscriber.js';

export default async function Page() {
  return <Price symbol="BTC-USD" first={await currentPrice('BTC-USD')} />;
}
