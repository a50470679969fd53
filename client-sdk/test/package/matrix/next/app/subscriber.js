import { connect } from '@tickwire/client';

/** One connection for all requests; global, for `next dev` loads this module again and again. */
function subscriber() {
  globalThis.subscriber ??= connect(process.env.TICKWIRE_URL, { conflateMs: 1000 });
  return globalThis.subscriber;
}

const subscribed = new Set();

/** The newest price; undefined if the symbol has none within a second. */
export async function currentPrice(symbol) {
  if (!subscribed.has(symbol)) subscriber().subscribe(symbol, { anomalies: false });
  subscribed.add(symbol);
  if (subscriber().get(symbol) === undefined) await nextUpdate(symbol);
  return subscriber().get(symbol)?.currentPrice;
}

function nextUpdate(symbol) {
  return new Promise((resolve) => {
    const stop = subscriber().on('update', ({ changes }) => {
      if (changes.some((change) => change.symbol === symbol)) done();
    });
    const timer = setTimeout(done, 1000);
    function done() {
      clearTimeout(timer);
      stop();
      resolve();
    }
  });
}
