import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { connectPublisher } from '../../client-sdk/src/index.ts';
import { parseMetrics } from '../../testkit/metrics.ts';
import { findNatsServer, NATS_SOURCE } from '../../testkit/nats-server.ts';
import { ServerProcess, SMALL } from '../../testkit/server-process.ts';
import { delay, until } from '../../testkit/until.ts';
import { HttpClient } from '../support/http-client.ts';
import {
  ClusterMarket,
  ClusterSubscriber,
  LEASE_MS,
  NatsCluster,
} from '../support/nats-cluster.ts';
import { publisherForTest } from '../support/test-clients.ts';

/** Ten times what they take on a machine at rest. */
const LONG = { timeout: 300_000 };

interface Row {
  readonly updateCount?: number;
}

const command = await findNatsServer();
/** CI installs it; elsewhere these tests are left out where it is not installed. */
const isMissing = command === undefined && !process.env.CI;

describe.skipIf(isMissing)(`a cluster${isMissing ? ` (needs ${NATS_SOURCE})` : ''}`, () => {
  let cluster: NatsCluster;
  let edge: ServerProcess;

  beforeAll(async () => {
    if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
    cluster = await NatsCluster.start(command);
    const owner = await cluster.add('owner');
    edge = await cluster.add('edge');
    await cluster.ready(owner, edge);
  });
  afterAll(() => cluster?.stop());

  const http = async (server: ServerProcess) => HttpClient.connect(server.port);

  it('serves at an edge what an owner computes', async () => {
    const market = new ClusterMarket(edge.port, 'serve', 40);
    onTestFinished(() => market.publisher.close());
    const before = await ClusterSubscriber.open(edge.port);
    onTestFinished(() => before.subscriber.close());
    for (let i = 0; i < 20; i++) {
      market.publish(250);
      await delay(5);
    }
    await market.publisher.flush();
    expect(market.publisher.totals).toMatchObject({ accepted: 5000, unacknowledged: 0 });
    await before.matches(market);
    const after = await ClusterSubscriber.open(edge.port);
    onTestFinished(() => after.subscriber.close());
    await until(() => after.subscriber.get('serve.0') !== undefined);
    expect((await after.subscriber.verify()).equal).toBe(true);
    const client = await http(edge);
    const { status, json } = await client.get<Row>('/api/prices/serve.0');
    expect([status, json.updateCount]).toEqual([200, after.subscriber.get('serve.0')?.updateCount]);
    const [symbol, anomalies] = [...before.anomalies].find(([, { length }]) => length > 1) ?? [
      '',
      [],
    ];
    const history = await after.subscriber.history(symbol);
    expect(history.anomalies.map(({ sequence }) => sequence)).toEqual(
      anomalies.map((_, i) => i + 1),
    );
  });

  it('takes prices over HTTP', async () => {
    const client = await http(edge);
    const prices = [1, 2, 3].map((price) => ({ symbol: 'HTTP', price }));
    expect((await client.post(prices)).status).toBe(202);
    await until(async () => (await client.get<Row>('/api/prices/HTTP')).json.updateCount === 3);
  });

  it('has one publisher of a name: a newer connection at another edge takes over', async () => {
    const other = await cluster.add('edge');
    await cluster.ready(other);
    const first = await publisherForTest(edge.port, 'moves');
    for (let i = 0; i < 5; i++) first.publish([{ symbol: 'MOVE', price: 10 + i, time: null }]);
    await first.acknowledged();
    const second = await publisherForTest(other.port, 'moves');
    expect(second.welcome.sequence).toBe(5);
    expect((await first.closing()).code).toBe(4004);
    second.publish([{ symbol: 'MOVE', price: 20, time: null }]);
    await second.acknowledged();
    const third = await publisherForTest(edge.port, 'moves');
    expect(third.welcome.sequence).toBe(6);
    const client = await http(edge);
    await until(async () => (await client.get<Row>('/api/prices/MOVE')).json.updateCount === 6);
    await other.stop();
  });

  it('refuses clients at an owner, and what a cluster has not', async () => {
    const [owner] = cluster.members as [ServerProcess];
    const publisher = connectPublisher(`ws://127.0.0.1:${owner.port}`);
    onTestFinished(() => publisher.close(100));
    await delay(300);
    expect(publisher.session).toBeUndefined();
    const servers = `--cluster.servers=${cluster.brokers.addresses}`;
    const start = async (...flags: readonly string[]) => {
      const server = new ServerProcess([...SMALL, servers, '--cluster.role=edge', ...flags]);
      await server.exited;
      return server.output;
    };
    expect(await start('--cluster.shards=8')).toContain('cluster.shards: expected 16, got 8');
    expect(await start('--cluster.shards=16', '--processing.movingAverageWindow=5')).toContain(
      'processing.movingAverageWindow: expected 64, got 5',
    );
    expect(await start('--cluster.shards=16', '--processing.allowedLatenessMs=100')).toContain(
      'processing.allowedLatenessMs: expected 0, got 100',
    );
    expect(await start('--cluster.servers=')).toContain('cluster.servers: expected the addresses');
    expect(await start('--cluster.role=owner', '--store.snapshotIntervalMs=0')).toContain(
      'store.snapshotIntervalMs: expected 1 to 3600000, as logs keep ticks for a day, got 0',
    );
    expect(await start('--cluster.servers=nats://127.0.0.1:1')).toContain(
      'cluster.servers: no connection to nats://127.0.0.1:1',
    );
  });

  it('has the metrics that docs/CLUSTER.md lists', async () => {
    const text = readFileSync(new URL('../../docs/CLUSTER.md', import.meta.url), 'utf8');
    const documented = [...text.matchAll(/^\| `(tickwire_cluster_\w+)` \| (\w+) \|/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    );
    const [owner] = cluster.members as [ServerProcess];
    const { text: scraped } = await (await http(owner)).get('/metrics');
    const actual = [...scraped.matchAll(/^# TYPE (tickwire_cluster_\w+) (\w+)$/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    );
    expect(actual.length).toBeGreaterThan(15);
    expect(documented.sort()).toEqual(actual.sort());
    const metrics = parseMetrics(scraped);
    expect(metrics.get('tickwire_cluster_owned_shards')).toBe(16);
    for (let shard = 0; shard < 16; shard++) {
      expect(metrics.get(`tickwire_cluster_shard_lag_messages{shard="${shard}"}`)).toBe(0);
      expect(metrics.get(`tickwire_cluster_shard_epoch{shard="${shard}"}`)).toBeGreaterThan(0);
    }
  });
});

describe.skipIf(isMissing)('owners of a cluster', () => {
  it('are killed, stopped and woken, and added, and nothing is missing', LONG, async () => {
    if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
    const cluster = await NatsCluster.start(command);
    onTestFinished(() => cluster.stop());
    const [a, b] = [await cluster.add('owner'), await cluster.add('owner')];
    const [left, right] = [await cluster.add('edge'), await cluster.add('edge')];
    await cluster.ready(a, b, left, right);
    const market = new ClusterMarket(left.port, 'market', 60);
    onTestFinished(() => market.publisher.close(100));
    const subscribers = [
      await ClusterSubscriber.open(left.port),
      await ClusterSubscriber.open(right.port),
    ];
    onTestFinished(() => {
      for (const { subscriber } of subscribers) subscriber.close();
    });
    market.start(2000);
    await delay(1500);
    await a.end();
    await delay(2 * LEASE_MS);
    await cluster.ready(left, right);
    const c = await cluster.add('owner');
    await cluster.ready(c);
    // It stands still for longer than its lease, and wakes without knowing it.
    b.kill('SIGSTOP');
    await delay(2 * LEASE_MS);
    await cluster.ready(left, right);
    b.kill('SIGCONT');
    await delay(2 * LEASE_MS);
    await c.stop();
    await delay(500);
    await market.pause();
    await cluster.ready(left, right);
    for (const subscriber of subscribers) await subscriber.matches(market);
    expect(market.ticks).toBeGreaterThan(10_000);
    expect(market.publisher.totals).toMatchObject({ rejected: 0, dropped: 0, unacknowledged: 0 });
  });

  it('go on where they were after all of them were gone, and the broker killed', LONG, async () => {
    if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
    const cluster = await NatsCluster.start(command);
    onTestFinished(() => cluster.stop());
    const first = await cluster.add('all');
    await cluster.ready(first);
    const market = new ClusterMarket(first.port, 'again', 30);
    market.publish(3000);
    await market.publisher.flush();
    await delay(1500);
    market.publish(2000);
    await market.publisher.flush();
    await market.publisher.close();
    await first.end();
    await cluster.brokers.kill(0);
    await cluster.brokers.restart(0);
    const second = await cluster.add('all');
    await cluster.ready(second);
    const subscriber = await ClusterSubscriber.open(second.port);
    onTestFinished(() => subscriber.subscriber.close());
    await until(() => subscriber.subscriber.get('again.0') !== undefined);
    const rows = subscriber.differences(market).filter((line) => !line.includes('anomalies'));
    expect(rows).toEqual([]);
  });

  it('wait for brokers that cannot elect a leader yet', LONG, async () => {
    if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
    const cluster = await NatsCluster.start(command, 3);
    onTestFinished(() => cluster.stop());
    await cluster.brokers.kill(1);
    await cluster.brokers.kill(2);
    const listens = cluster.add('all');
    const [member] = cluster.members as [ServerProcess];
    await until(() => member.output.includes('the brokers of the cluster are not ready yet'));
    expect(member.exit).toBeUndefined();
    await cluster.brokers.restart(1);
    await cluster.brokers.restart(2);
    await listens;
    await cluster.ready(member);
  });

  it('start together on three brokers that were never used', LONG, async () => {
    if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
    for (let round = 0; round < 3; round++) {
      const cluster = await NatsCluster.start(command, 3);
      onTestFinished(() => cluster.stop());
      const members = await Promise.all([
        cluster.add('owner'),
        cluster.add('edge'),
        cluster.add('owner'),
      ]);
      await cluster.ready(...members);
      await cluster.stop();
    }
  });

  it('have nothing missing when one of three brokers is killed', LONG, async () => {
    if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
    const cluster = await NatsCluster.start(command, 3);
    onTestFinished(() => cluster.stop());
    const [a, b] = [await cluster.add('owner'), await cluster.add('owner')];
    const edge = await cluster.add('edge');
    await cluster.ready(a, b, edge);
    const market = new ClusterMarket(edge.port, 'three', 40);
    onTestFinished(() => market.publisher.close(100));
    const subscriber = await ClusterSubscriber.open(edge.port);
    onTestFinished(() => subscriber.subscriber.close());
    market.start(2000);
    for (const broker of [0, 1, 2]) {
      await delay(2000);
      await cluster.brokers.kill(broker);
      await delay(4000);
      await cluster.brokers.restart(broker);
      await until(() => market.publisher.totals.unacknowledged < 1000);
    }
    await market.pause();
    await cluster.ready(edge);
    await subscriber.matches(market);
  });
});
