// Publishes trades of any of the exchanges that ccxt streams, more than seventy, for those that
// `tickwire feed` does not know. `npm install --no-save ccxt` gets it: 67 MB, no part of Tickwire.
//
// Run, after `npm run build`: node examples/feed-ccxt.mjs gemini BTC/USD ETH/USD. Ctrl-C ends it.
// TICKWIRE_URL names another server than http://127.0.0.1:9001, TICKWIRE_TOKEN a token for it.
import { setTimeout } from 'node:timers/promises';
import { connectPublisher } from '../client-sdk/dist/index.js';

/** ccxt repeats trades after a reconnect: so many ids of a symbol are remembered. */
const IDS_MAX = 5000;

const [exchangeId = 'gemini', ...symbols] = process.argv.slice(2);
const packageName = 'ccxt'; // Not a literal: tools would ask for it to be installed.
const ccxt = await import(packageName).catch(() => undefined);
if (ccxt === undefined) {
  console.error('This example needs ccxt: npm install --no-save ccxt');
  process.exit(1);
}
const Exchange = ccxt.pro[exchangeId];
if (Exchange === undefined || symbols.length === 0) {
  console.error(`Usage: feed-ccxt.mjs EXCHANGE SYMBOL... of ${Object.keys(ccxt.pro).join(' ')}`);
  process.exit(1);
}

const { TICKWIRE_URL = 'http://127.0.0.1:9001', TICKWIRE_TOKEN: token } = process.env;
const exchange = new Exchange({ newUpdates: true });
const publisher = connectPublisher(TICKWIRE_URL, {
  publisher: `ccxt-${exchangeId}`,
  ...(token && { token }),
});
const interrupted = new AbortController();
process.once('SIGINT', async () => {
  interrupted.abort();
  await exchange.close();
  await publisher.close();
  console.log(`${publisher.totals.sent - publisher.totals.unacknowledged} trades acknowledged`);
  process.exit();
});
await Promise.all(symbols.map(publishTrades));

async function publishTrades(symbol) {
  const name = `${exchangeId.toUpperCase()}:${symbol}`;
  const seen = new Set();
  while (!interrupted.signal.aborted) {
    const trades = await exchange.watchTrades(symbol).catch(async ({ message }) => {
      if (interrupted.signal.aborted) return [];
      console.log(message);
      await setTimeout(1000);
      return [];
    });
    for (const { id, price, timestamp } of trades.toSorted((a, b) => a.timestamp - b.timestamp)) {
      if (seen.has(id)) continue;
      if (id !== undefined) seen.add(id);
      if (seen.size > IDS_MAX) seen.delete(seen.values().next().value);
      // False: no room for another until the server acknowledges some.
      if (!publisher.publish(name, price, timestamp)) await publisher.ready;
    }
  }
}
