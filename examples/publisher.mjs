// Publishes made-up prices. Each is applied once, whatever happens to the connection.
//
// Run, after `npm run build`: node examples/publisher.mjs [NAME]. Ctrl-C ends it.
// TICKWIRE_URL names another server than http://127.0.0.1:9001, TICKWIRE_TOKEN a token for it.
import { setTimeout } from 'node:timers/promises';
// After `npm install @tickwire/client ws` in your own project, import '@tickwire/client' instead.
import { connectPublisher } from '../client-sdk/dist/index.js';

const { TICKWIRE_URL = 'http://127.0.0.1:9001', TICKWIRE_TOKEN: token } = process.env;
const publisher = connectPublisher(TICKWIRE_URL, {
  publisher: process.argv[2] ?? 'example-node',
  ...(token && { token }),
});

publisher.on('state', ({ state, closure }) => {
  console.log(closure === undefined ? state : `${state} (closed with ${closure.code})`);
});
publisher.on('reject', ({ symbol, price, reason }) => {
  console.log(`rejected: ${symbol} at ${price} (${reason})`);
});

const prices = new Map([
  ['BTC-USD', 64_250.5],
  ['ETH-USD', 3120.25],
  ['SOL-USD', 98.4],
]);

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());

try {
  while (!interrupted.signal.aborted) {
    for (const [symbol, last] of prices) {
      const price = Math.round(last * (0.998 + 0.004 * Math.random()) * 100) / 100;
      prices.set(symbol, price);
      // False: no room for another until the server acknowledges some.
      if (!publisher.publish(symbol, price, Date.now())) await publisher.ready;
    }
    await setTimeout(100);
  }
  // Wait for the last acknowledgement.
  await publisher.close();
} catch (error) {
  console.log(`ended for good: ${error.message}`);
}
const { sent, unacknowledged, rejected } = publisher.totals;
console.log(`${sent - unacknowledged} of ${sent} ticks acknowledged, ${rejected} rejected`);
