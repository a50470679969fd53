import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { programArgs } from '../../testkit/managed-process.ts';
import { findNatsServer, NATS_SOURCE } from '../../testkit/nats-server.ts';
import { ServerProcess } from '../../testkit/server-process.ts';
import { eventually, until } from '../../testkit/until.ts';
import { folderForTest } from '../support/folders.ts';
import { HttpClient } from '../support/http-client.ts';
import { ClusterMarket, ClusterSubscriber, NatsCluster } from '../support/nats-cluster.ts';

const command = await findNatsServer();
const isMissing = command === undefined && !process.env.CI;
const needs = isMissing ? ` (needs ${NATS_SOURCE})` : '';
const name = `a cluster goes on where one process ended${needs}`;

interface Page {
  readonly items: readonly { readonly symbol: string; readonly updateCount: number }[];
}

/** Everything that clients can ask for, symbol by symbol. */
async function answers(port: number) {
  const client = await HttpClient.connect(port);
  const { items } = (await client.get<Page>('/api/prices?limit=1000')).json;
  const anomalies = items.map(async ({ symbol }) => {
    return (await client.get(`/api/prices/${encodeURIComponent(symbol)}/anomalies`)).json;
  });
  const ticks = items.reduce((sum, { updateCount }) => sum + updateCount, 0);
  return { ticks, items, anomalies: await Promise.all(anomalies) };
}

/** Runs the command; returns what it says. */
async function importInto(...flags: readonly string[]): Promise<string> {
  const args = [...programArgs('src/main'), 'cluster', 'import', ...flags];
  return promisify(execFile)(process.execPath, args, { env: { PATH: process.env.PATH } }).then(
    ({ stdout }) => stdout,
    (failed: unknown) => (failed as { readonly stderr: string }).stderr,
  );
}

it('a store is not imported that lacks what was published last', async () => {
  const store = `--store.directory=${folderForTest()}`;
  const killed = await ServerProcess.start([store, '--publish.acknowledge=durable']);
  const market = new ClusterMarket(killed.port, 'late', 4);
  market.publish(100);
  await market.publisher.flush();
  await killed.end();
  await market.publisher.close(0).catch(() => undefined);
  const servers = '--cluster.servers=nats://127.0.0.1:1';
  expect(await importInto(store, servers)).toContain(
    'its journal has later ticks. Start the server',
  );
  expect(await importInto(store)).toContain('cluster.servers: expected the addresses');
  expect(await importInto(servers, '--store.directory=')).toContain('store.directory: expected');
});

it.skipIf(isMissing)(name, { timeout: 300_000 }, async () => {
  if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
  const store = `--store.directory=${folderForTest()}`;
  const alone = await ServerProcess.start([store, '--processing.overflow=wait']);
  onTestFinished(async () => {
    await alone.end();
  });
  const market = new ClusterMarket(alone.port, 'moves', 40);
  market.publish(12_000);
  await market.publisher.flush();
  const before = await eventually(
    () => answers(alone.port),
    ({ ticks }) => ticks === market.ticks,
  );
  await market.publisher.close();
  const cluster = await NatsCluster.start(command);
  onTestFinished(() => cluster.stop());
  const run = (...flags: readonly string[]) => importInto(...cluster.flags, ...flags);
  // A server has it open.
  expect(await run(store)).toContain('tickwire cluster import: ');
  await alone.stop();
  const imported = await run(store);
  expect(imported).toMatch(/^imported 40 symbols, \d\d+ anomalies, 1 publishers\n$/);
  // As if it had been cut off.
  expect(await run(store)).toBe(imported);

  const [owner, edge] = [await cluster.add('owner'), await cluster.add('edge')];
  await cluster.ready(owner, edge);
  await until(async () => JSON.stringify(await answers(edge.port)) === JSON.stringify(before));

  // The market goes on under the same name, at the edge.
  await market.moveTo(edge.port);
  market.publish(6000);
  await market.publisher.flush();
  expect(market.publisher.session?.sequence).toBeGreaterThan(0);
  const late = await ClusterSubscriber.open(edge.port);
  onTestFinished(async () => {
    late.subscriber.close();
    await market.publisher.close(100);
  });
  await until(() => late.differences(market).every((each) => each.includes('anomalies')));
  for (const [symbol, { anomalies }] of market.oracles) {
    const history = () => late.subscriber.history(symbol, 0, 1000);
    const page = await eventually(history, (now) => now.anomalies.length >= anomalies.length);
    const prices = page.anomalies.map(({ newPrice }) => newPrice);
    expect(prices).toEqual(anomalies.map(({ price }) => price));
  }
  expect(await run(store)).toContain('(cluster.name) has had owners, and so a state');
});
