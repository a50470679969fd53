// Prints live statistics and anomalies. The SDK reconnects and subscribes again by itself.
//
// Run, after `npm run build`: node examples/subscriber.mjs ['BTC-*' ETH-USD ...]
// TICKWIRE_URL names another server than http://127.0.0.1:9001, TICKWIRE_TOKEN a token for it.
// After `npm install @tickwire/client ws` in your own project, import '@tickwire/client' instead.
import { connect } from '../client-sdk/dist/index.js';

const patterns = process.argv.slice(2);
const { TICKWIRE_URL = 'http://127.0.0.1:9001', TICKWIRE_TOKEN: token } = process.env;
const subscriber = connect(TICKWIRE_URL, { conflateMs: 100, ...(token && { token }) });

subscriber.on('state', ({ state, closure }) => {
  console.log(closure === undefined ? state : `${state} (closed with ${closure.code})`);
});

subscriber.on('update', ({ changes }) => {
  for (const { symbol, currentPrice, movingAverage, minPrice, maxPrice, updateCount } of changes) {
    console.log(
      `${symbol} price ${currentPrice} average ${movingAverage} count ${updateCount} ` +
        `min ${minPrice} max ${maxPrice}`,
    );
  }
});

subscriber.on('anomaly', ({ symbol, sequence, referencePrice, newPrice, changePercent }) => {
  const percent = `${changePercent > 0 ? '+' : ''}${changePercent.toFixed(2)} %`;
  console.log(`${symbol} anomaly ${sequence}: ${referencePrice} to ${newPrice}, ${percent}`);
});

const subscription = subscriber.subscribe(patterns.length > 0 ? patterns : '*');
for (const { pattern, reason } of await subscription.ready) {
  console.log(`refused: ${pattern} (${reason})`);
}

// Ctrl-C: compare the copy held here with the server's, then end.
process.once('SIGINT', async () => {
  const { equal, symbolCount } = await subscriber.verify();
  console.log(equal ? 'in sync' : 'OUT OF SYNC', symbolCount, 'symbols');
  subscriber.close();
});
