import { connect } from '@tickwire/client';

export default {
  async fetch(_request, { TICKWIRE_URL }) {
    const subscriber = connect(TICKWIRE_URL);
    subscriber.subscribe('BTC-USD');
    for await (const { changes } of subscriber.updates()) {
      const [{ symbol, currentPrice }] = changes;
      return new Response(`${symbol} ${currentPrice}`);
    }
  },
};
