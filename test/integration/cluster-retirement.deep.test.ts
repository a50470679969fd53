import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SymbolOracle } from '../../testkit/independent/statistics.ts';
import type { IndependentSubscriber } from '../../testkit/independent/subscriber.ts';
import { findNatsServer, NATS_SOURCE } from '../../testkit/nats-server.ts';
import { Random } from '../../testkit/random.ts';
import type { ServerProcess } from '../../testkit/server-process.ts';
import { eventually, until } from '../../testkit/until.ts';
import { HttpClient } from '../support/http-client.ts';
import { NatsCluster } from '../support/nats-cluster.ts';
import { publisherForTest, subscriberForTest } from '../support/test-clients.ts';

/** Ten times what they take on a machine at rest. */
const LONG = { timeout: 300_000 };
const TIME = 1_700_000_000_000;

const command = await findNatsServer();
const isMissing = command === undefined && !process.env.CI;
const needs = isMissing ? ` (needs ${NATS_SOURCE})` : '';

const pathOf = (symbol: string) => `/api/prices/${symbol}`;

const idOf = ({ mirror }: IndependentSubscriber, symbol: string) =>
  [...mirror.names].find(([, name]) => name === symbol)?.[0];

async function sequences(http: HttpClient, symbol: string): Promise<number[]> {
  const path = `${pathOf(symbol)}/anomalies`;
  const { json } = await http.get<{ items?: { sequence: number }[] }>(path);
  return (json.items ?? []).map(({ sequence }) => sequence);
}

/** Two owners and two edges. */
async function start(...ownerFlags: readonly string[]) {
  if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
  const cluster = await NatsCluster.start(command);
  const owners = [await cluster.add('owner', ownerFlags), await cluster.add('owner', ownerFlags)];
  const edges = [await cluster.add('edge'), await cluster.add('edge')];
  await cluster.ready(...owners, ...edges);
  return { cluster, owners, edges };
}

describe.skipIf(isMissing)(`a symbol retired at one edge${needs}`, () => {
  let started: Awaited<ReturnType<typeof start>>;
  let ports: readonly [number, number];
  let clients: readonly [HttpClient, HttpClient];

  beforeAll(async () => {
    started = await start();
    ports = started.edges.map(({ port }) => port) as [number, number];
    clients = [await HttpClient.connect(ports[0]), await HttpClient.connect(ports[1])];
  });
  afterAll(() => started?.cluster.stop());

  /** The next owner takes the shards over. */
  async function killAnOwner(): Promise<void> {
    const { cluster, edges, owners } = started;
    const next = await cluster.add('owner');
    await cluster.ready(next);
    const killed = owners.shift() as ServerProcess;
    owners.push(next);
    await killed.end();
    await until(async () => (await clients[0].get('/readyz')).status === 503);
    await cluster.ready(...edges);
  }

  it('ends at all, and begins anew with its next tick', LONG, async () => {
    const publisher = await publisherForTest(ports[0], 'feed');
    publisher.declare(0, ['S']);
    const subscribers: IndependentSubscriber[] = [];
    for (const port of ports) {
      const exact = await subscriberForTest(port);
      await exact.subscribe(['S']);
      const wild = await subscriberForTest(port, { json: true });
      await wild.subscribe(['S*']);
      subscribers.push(exact, wild);
    }
    const count = async (ticks: number) => {
      for (const subscriber of subscribers) await subscriber.counted('S', ticks);
    };
    for (const [life, killed] of [false, true, true].entries()) {
      // The second one, and the third, are anomalies.
      const anomalies = 2 * life + 2;
      for (const [i, price] of [100, 103, 107].entries()) {
        publisher.publish([{ symbol: 'S', price, time: TIME + 10_000 * life + i }]);
      }
      await publisher.acknowledged();
      await count(3);
      const ids = subscribers.map((subscriber) => idOf(subscriber, 'S'));
      expect((await clients[1].send('DELETE', pathOf('S'))).status).toBe(204);
      expect((await clients[1].get(pathOf('S'))).status).toBe(404);
      expect((await clients[1].send('DELETE', pathOf('S'))).status).toBe(404);
      await until(async () => (await clients[0].get(pathOf('S'))).status === 404);
      for (const subscriber of subscribers) {
        await subscriber.until(() => subscriber.mirror.get('S') === undefined, 'the end of S');
        // What it raised came before.
        expect(subscriber.anomaliesOf('S').map(({ sequence }) => sequence)).toEqual(
          Array.from({ length: anomalies }, (_, i) => i + 1),
        );
        expect(await subscriber.verify()).toMatchObject({ symbolCount: 0 });
      }
      for (const http of clients) {
        expect(await sequences(http, 'S')).toHaveLength(anomalies);
        const { json } = await http.get<{ items: unknown[] }>('/api/anomalies?limit=50');
        expect(json.items).toHaveLength(anomalies);
      }
      if (killed) await killAnOwner();
      publisher.publish([{ symbol: 'S', price: 7, time: TIME - 1000 }]);
      await publisher.acknowledged();
      await count(1);
      for (const [i, subscriber] of subscribers.entries()) {
        expect(subscriber.mirror.get('S')).toMatchObject({ price: 7, count: 1, max: 7 });
        const verified = await subscriber.verify();
        expect(verified).toMatchObject({ symbolCount: 1, digest: verified.ownDigest });
        expect(idOf(subscriber, 'S')).not.toBe(ids[i]);
        expect(subscriber.jumps).toEqual([]);
      }
      expect((await clients[0].send('DELETE', pathOf('S'))).status).toBe(204);
      for (const subscriber of subscribers) {
        await subscriber.until(() => subscriber.mirror.get('S') === undefined, 'the end of S');
      }
    }
    // An edge that starts later has the history, and not the symbol.
    const late = await started.cluster.add('edge');
    await started.cluster.ready(late);
    const http = await HttpClient.connect(late.port);
    expect((await http.get(pathOf('S'))).status).toBe(404);
    expect(await sequences(http, 'S')).toEqual([1, 2, 3, 4, 5, 6]);
    expect((await http.metrics()).get('tickwire_symbols')).toBe(0);
    await late.stop();
  });

  it('is what a naive model says, with ticks at both and owners killed between', LONG, async () => {
    const random = new Random(7);
    const symbols = Array.from({ length: 12 }, (_, i) => `M-${i}`);
    const publishers = [
      await publisherForTest(ports[0], 'left'),
      await publisherForTest(ports[1], 'right'),
    ];
    const subscribers = [await subscriberForTest(ports[0]), await subscriberForTest(ports[1])];
    for (const subscriber of subscribers) await subscriber.subscribe(['M-*']);
    const model = new Map<string, SymbolOracle>();
    const isRight = async () => {
      for (const http of clients) {
        for (const symbol of symbols) {
          const { status, json } = await http.get<Record<string, number>>(pathOf(symbol));
          const { count, max, min, price } = model.get(symbol) ?? {};
          if (status !== (count === undefined ? 404 : 200)) return false;
          if (json.updateCount !== count || json.currentPrice !== price) return false;
          if (json.minPrice !== min || json.maxPrice !== max) return false;
        }
      }
      return true;
    };
    for (let round = 0; round < 24; round++) {
      const publisher = random.pick(publishers);
      const ticks = Array.from({ length: random.between(1, 30) }, (_, i) => {
        const symbol = random.pick(symbols);
        return { symbol, price: 100 + random.float() * 5, time: TIME + round * 50 + i };
      });
      for (const { symbol, price, time } of ticks) {
        const oracle = model.get(symbol) ?? new SymbolOracle();
        model.set(symbol, oracle);
        oracle.apply(price, time);
      }
      publisher.publish(ticks);
      await publisher.acknowledged();
      await until(isRight);
      const ends = symbols.filter(() => random.chance(0.3));
      const answers = await Promise.all(
        ends.map(
          async (symbol) => (await random.pick(clients).send('DELETE', pathOf(symbol))).status,
        ),
      );
      expect(answers).toEqual(ends.map((symbol) => (model.has(symbol) ? 204 : 404)));
      for (const symbol of ends) model.delete(symbol);
      if (round % 8 === 5) await killAnOwner();
    }
    await until(isRight);
    for (const subscriber of subscribers) {
      await subscriber.until(() => subscriber.mirror.names.size === model.size, 'the same symbols');
      const verified = await subscriber.verify();
      expect(verified).toMatchObject({ symbolCount: model.size, digest: verified.ownDigest });
      expect([...subscriber.mirror.names.values()].sort()).toEqual([...model.keys()].sort());
    }
  });
});

describe.skipIf(isMissing)(`symbols without ticks${needs}`, () => {
  it('are retired by their owners for limits.symbolIdleDays, and no others', LONG, async () => {
    const { cluster, edges } = await start(`--limits.symbolIdleDays=${2 / 86_400}`);
    const [left, right] = edges as [ServerProcess, ServerProcess];
    const publisher = await publisherForTest(left.port, 'feed');
    const subscribers = [await subscriberForTest(left.port), await subscriberForTest(right.port)];
    for (const subscriber of subscribers) await subscriber.subscribe(['*']);
    publisher.publish(['A', 'B'].map((symbol) => ({ symbol, price: 1, time: TIME })));
    for (const subscriber of subscribers) await subscriber.counted('B', 1);
    let ticks = 1;
    const isGone = () => subscribers.every(({ mirror }) => mirror.get('B') === undefined);
    while (!isGone()) {
      publisher.publish([{ symbol: 'A', price: 1, time: TIME }]);
      await publisher.acknowledged();
      ticks++;
    }
    for (const [i, { port }] of edges.entries()) {
      await subscribers[i]?.counted('A', ticks);
      const http = await HttpClient.connect(port);
      const symbols = async () => (await http.metrics()).get('tickwire_symbols');
      await eventually(symbols, (count) => count === 1);
      const cause = 'tickwire_symbols_retired_total{cause="idle"}';
      expect((await http.metrics()).get(cause)).toBe(1);
    }
    await cluster.stop();
  });
});
