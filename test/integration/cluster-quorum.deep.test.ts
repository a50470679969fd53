import { describe, expect, it, onTestFinished } from 'vitest';
import { findNatsServer, NATS_SOURCE } from '../../testkit/nats-server.ts';
import type { ServerProcess } from '../../testkit/server-process.ts';
import { delay, until } from '../../testkit/until.ts';
import { HttpClient } from '../support/http-client.ts';
import {
  ClusterMarket,
  ClusterSubscriber,
  LEASE_MS,
  NatsCluster,
} from '../support/nats-cluster.ts';

const LONG = { timeout: 300_000 };
const command = await findNatsServer();
const isMissing = command === undefined && !process.env.CI;

interface Row {
  readonly updateCount: number;
}

describe.skipIf(isMissing)(`brokers${isMissing ? ` (needs ${NATS_SOURCE})` : ''}`, () => {
  it.each([
    ['two of three', [1, 2]],
    ['all three', [0, 1, 2]],
  ])('that were killed, %s at once, take nothing with them', LONG, async (_name, killed) => {
    if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
    const cluster = await NatsCluster.start(command, 3);
    onTestFinished(() => cluster.stop());
    const members = [await cluster.add('owner'), await cluster.add('owner')];
    const edge = await cluster.add('edge');
    await cluster.ready(...members, edge);
    const market = new ClusterMarket(edge.port, 'quorum', 40);
    onTestFinished(() => market.publisher.close(100));
    const subscriber = await ClusterSubscriber.open(edge.port);
    onTestFinished(() => subscriber.subscriber.close());
    market.start(2000);
    await delay(2000);
    await Promise.all(killed.map((broker) => cluster.brokers.kill(broker)));

    // What is published waits; what was there is served, and said to be old.
    const { unacknowledged } = market.publisher.totals;
    await until(async () => {
      const { status, text } = await readiness(edge);
      return status === 503 && /brokers|connection to the cluster/.test(text);
    });
    await delay(2 * LEASE_MS);
    expect(market.publisher.totals.unacknowledged).toBeGreaterThan(unacknowledged);
    const client = await HttpClient.connect(edge.port);
    const row = await client.get<Row>('/api/prices/quorum.0');
    expect(row.status).toBe(200);
    expect(row.json.updateCount).toBeGreaterThan(0);

    await Promise.all(killed.map((broker) => cluster.brokers.restart(broker)));
    await until(() => market.publisher.totals.unacknowledged < 1000, 'ticks are taken again');
    await market.pause();
    await cluster.ready(...members, edge);
    await subscriber.matches(market);
    expect(market.publisher.totals).toMatchObject({ rejected: 0, dropped: 0, unacknowledged: 0 });
  });
});

async function readiness({ port }: ServerProcess): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${port}/readyz`);
  return { status: response.status, text: await response.text() };
}
