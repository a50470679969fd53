// The TypeScript SDK as a client of the conformance kit (docs/CONFORMANCE.md).
import { createInterface } from 'node:readline';
import { connect, connectPublisher } from '../../client-sdk/dist/index.js';

const say = (message) => console.log(JSON.stringify(message));
const subscriptions = new Map();
let client;

const rowOf = (held) => ({
  symbol: held.symbol,
  price: held.currentPrice,
  average: held.movingAverage,
  count: held.updateCount,
  time: held.lastUpdateTime,
  min: held.minPrice,
  max: held.maxPrice,
  live: held.isLive,
});

const anomalyOf = ({ referencePrice, newPrice, timestamp, ...anomaly }) => ({
  ...anomaly,
  reference: referencePrice,
  price: newPrice,
  time: timestamp,
});

const EVENTS = {
  publisher: ['state', 'reject'],
  subscriber: ['state', 'gap', 'alert', 'alertGap'],
};

const mapOf = (object) => object && new Map(Object.entries(object));

const commands = {
  connect({ role, url, options }) {
    client = (role === 'publisher' ? connectPublisher : connect)(url, options);
    client.on('error', ({ message, code }) => say({ event: 'error', message, code }));
    for (const event of EVENTS[role]) client.on(event, (content) => say({ event, ...content }));
    if (role === 'publisher') return;
    client.on('anomaly', (anomaly) => say({ event: 'anomaly', ...anomalyOf(anomaly) }));
  },
  async subscribe({ patterns, options: { since, alertsSince, ...options } }) {
    const resumed = { since: mapOf(since), alertsSince: mapOf(alertsSince) };
    const subscription = client.subscribe(patterns, { ...options, ...resumed });
    subscriptions.set(String(patterns), subscription);
    return { refused: await subscription.ready };
  },
  unsubscribe: ({ patterns }) => subscriptions.get(String(patterns)).unsubscribe(),
  state: () => client.state,
  get: ({ symbol }) => (client.get(symbol) === undefined ? null : rowOf(client.get(symbol))),
  symbols: () => Array.from(client.symbols(), rowOf),
  verify: () => client.verify(),
  async history({ symbol, after, limit }) {
    const { anomalies, more } = await client.history(symbol, after, limit);
    return { anomalies: anomalies.map(anomalyOf), more };
  },
  ping: () => client.ping(),
  publish({ ticks }) {
    for (const [symbol, price, time] of ticks) {
      client.publish(symbol, Number(price), time === null ? undefined : Number(time));
    }
  },
  flush: () => client.flush(),
  totals: () => client.totals,
  authenticate: ({ token }) => client.authenticate(token),
  close: () => client.close(),
};

async function carryOut({ id, do: name, ...args }) {
  if (commands[name] === undefined) return say({ id, unsupported: true });
  try {
    return say({ id, result: (await commands[name](args)) ?? null });
  } catch ({ message, code }) {
    return say({ id, error: { message, code } });
  }
}

// Commands may overlap: a flush waits while others are carried out.
for await (const line of createInterface({ input: process.stdin })) {
  void carryOut(JSON.parse(line));
}
process.exit();
