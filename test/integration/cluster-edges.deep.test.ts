import { expect, it, onTestFinished } from 'vitest';
import { findNatsServer, NATS_SOURCE } from '../../testkit/nats-server.ts';
import { delay, until } from '../../testkit/until.ts';
import { ClusterMarket, ClusterSubscriber, NatsCluster } from '../support/nats-cluster.ts';

const command = await findNatsServer();
const isMissing = command === undefined && !process.env.CI;
const name = `clients go on at another edge${isMissing ? ` (needs ${NATS_SOURCE})` : ''}`;

it.skipIf(isMissing)(name, { timeout: 300_000 }, async () => {
  if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
  const cluster = await NatsCluster.start(command);
  onTestFinished(() => cluster.stop());
  const owner = await cluster.add('owner');
  const [left, right] = [await cluster.add('edge'), await cluster.add('edge')];
  await cluster.ready(owner, left, right);
  const ports = [left.port, right.port];
  const markets = [1, 2, 3].map((seed) => new ClusterMarket(ports, `edges-${seed}`, 20, seed));
  onTestFinished(async () => {
    for (const { publisher } of markets) await publisher.close(100);
  });
  const subscribers: ClusterSubscriber[] = [];
  for (let i = 0; i < 3; i++) subscribers.push(await ClusterSubscriber.open(ports));
  onTestFinished(() => {
    for (const { subscriber } of subscribers) subscriber.close();
  });
  const lost = new Map(markets.map(({ publisher }) => [publisher, 0]));
  for (const publisher of lost.keys()) {
    publisher.on('state', ({ previous }) => {
      if (previous === 'live') lost.set(publisher, (lost.get(publisher) ?? 0) + 1);
    });
  }
  for (const market of markets) market.start(1000);
  await delay(1000);
  await left.end();
  const all = [
    ...markets.map(({ publisher }) => publisher),
    ...subscribers.map((s) => s.subscriber),
  ];
  const live = () => all.every(({ state }) => state === 'live');
  await until(live, 'all are at the right edge');
  await delay(1000);
  const back = await cluster.add('edge', [`--server.port=${left.port}`]);
  await cluster.ready(back);
  // Each client was at one of them, so each has moved when both were killed.
  await right.end();
  await until(live, 'all are at the left edge');
  await delay(1000);
  for (const market of markets) await market.pause();
  for (const count of lost.values()) expect(count).toBeGreaterThan(0);
  for (const { subscriber } of subscribers) {
    expect(subscriber.counters.reconnects).toBeGreaterThan(0);
  }
  for (const market of markets) {
    expect(market.ticks).toBeGreaterThan(1000);
    const { rejected, dropped, unacknowledged } = market.publisher.totals;
    expect({ rejected, dropped, unacknowledged }).toEqual({
      rejected: 0,
      dropped: 0,
      unacknowledged: 0,
    });
    for (const subscriber of subscribers) await subscriber.matches(market);
  }
  for (const { missed } of subscribers) expect(missed).toEqual([]);
});
