import { describe, expect, it, onTestFinished } from 'vitest';
import { connectPublisher } from '../../client-sdk/src/index.ts';
import { findNatsServer, NATS_SOURCE } from '../../testkit/nats-server.ts';
import { ServerProcess, SMALL } from '../../testkit/server-process.ts';
import { until } from '../../testkit/until.ts';
import { Collector } from '../support/collector.ts';
import { folderForTest } from '../support/folders.ts';
import { ClusterMarket, NatsCluster } from '../support/nats-cluster.ts';
import { metric, postPrices } from '../support/raw-http.ts';

const LONG = { timeout: 120_000 };

const exportingTo = (collector: Collector) => [
  `--telemetry.otlpEndpoint=${collector.url}`,
  '--telemetry.sampleRate=1',
];

async function start(flags: readonly string[]): Promise<ServerProcess> {
  const server = new ServerProcess([...SMALL, ...flags]);
  onTestFinished(async () => {
    await server.end();
  });
  await server.listening();
  return server;
}

it('a start after a crash replays the journal in a span', LONG, async () => {
  const collector = await Collector.start();
  const store = `--store.directory=${folderForTest()}`;
  const first = await start([store, '--store.snapshotIntervalMs=0']);
  const publisher = connectPublisher(`ws://127.0.0.1:${first.port}`, { publisher: 'feed' });
  for (let i = 1; i <= 30; i++) publisher.publish('BTC', i, i);
  await publisher.flush();
  await publisher.close();
  await until(async () => (await metric(first.port, 'tickwire_journal_unsynced_bytes')) === 0);
  await first.end();
  const second = await start([store, ...exportingTo(collector)]);
  await until(() => collector.span('replay') !== undefined);
  expect(collector.span('replay')).toMatchObject({
    kind: 1,
    parentId: '',
    hasFailed: false,
    attributes: { 'tickwire.ticks': 30, 'tickwire.lost': 0 },
  });
  await second.end();
});

it('a collector that is gone keeps no server from serving and stopping', LONG, async () => {
  const collector = await Collector.start();
  const server = await start(exportingTo(collector));
  collector.stop();
  for (let i = 0; i < 200; i++) await postPrices(server.port, { symbol: 'A', price: i + 1 });
  const dropped = () => metric(server.port, 'tickwire_telemetry_spans_dropped_total');
  await until(async () => (await dropped()) > 0);
  const said = () => server.output.split('does not take telemetry').length - 1;
  expect(said()).toBe(1);
  const startedAt = performance.now();
  server.kill('SIGTERM');
  expect(await server.exited).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(8000);
});

const command = await findNatsServer();
const isMissing = command === undefined && !process.env.CI;

describe.skipIf(isMissing)(`a cluster${isMissing ? ` (needs ${NATS_SOURCE})` : ''}`, () => {
  it('traces its shards from owner to owner', LONG, async () => {
    const collector = await Collector.start();
    const cluster = await NatsCluster.start(command as string);
    onTestFinished(() => cluster.stop());
    const owner = await cluster.add('owner', exportingTo(collector));
    const edge = await cluster.add('edge');
    await cluster.ready(owner, edge);
    const takeOvers = () => collector.spans.filter(({ name }) => name === 'shard take-over');
    await until(() => takeOvers().length === 16);
    const market = new ClusterMarket(edge.port, 'traced', 40);
    onTestFinished(() => market.publisher.close());
    market.publish(500);
    await market.publisher.flush();
    const shards = new Set(takeOvers().map(({ attributes }) => attributes['tickwire.shard']));
    expect(shards.size).toBe(16);
    for (const { events, hasFailed } of takeOvers()) {
      expect(hasFailed).toBe(false);
      expect(events.map(({ name }) => name)).toEqual(['claimed', 'snapshot loaded']);
      expect(events[0]?.attributes['tickwire.epoch']).toBeGreaterThan(0);
    }
    const next = await cluster.add('owner', exportingTo(collector));
    await cluster.ready(next);
    owner.kill('SIGTERM');
    expect(await owner.exited).toBe(0);
    await until(() => collector.span('shards hand-over') !== undefined);
    expect(collector.span('shards hand-over')).toMatchObject({ hasFailed: false });
    // Those of the second owner, when it came and when the first one left.
    await until(() => takeOvers().length >= 32);
  });
});
