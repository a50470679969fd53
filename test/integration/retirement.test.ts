import { describe, expect, it } from 'vitest';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import { SymbolOracle } from '../../testkit/independent/statistics.ts';
import type { IndependentSubscriber } from '../../testkit/independent/subscriber.ts';
import { Random } from '../../testkit/random.ts';
import { eventually } from '../../testkit/until.ts';
import { folderForTest } from '../support/folders.ts';
import { HttpClient } from '../support/http-client.ts';
import {
  onTransports,
  serverForSuite,
  serverForTest,
  startTestServer,
} from '../support/running-server.ts';
import { publisherForTest, subscriberForTest, unique } from '../support/test-clients.ts';

const TIME = 1_700_000_000_000;

const pathOf = (symbol: string) => `/api/prices/${encodeURIComponent(symbol)}`;

async function retire(http: HttpClient, symbol: string): Promise<number> {
  return (await http.send('DELETE', pathOf(symbol))).status;
}

/** Resolves once the subscriber was told that the symbol is gone. */
function gone(subscriber: IndependentSubscriber, symbol: string): Promise<void> {
  const isGone = () => subscriber.mirror.get(symbol) === undefined;
  return subscriber.until(isGone, `the end of ${symbol}`);
}

const idOf = ({ mirror }: IndependentSubscriber, symbol: string) =>
  [...mirror.names].find(([, name]) => name === symbol)?.[0];

onTransports((transport) => {
  const server = serverForSuite({ server: { transport }, processing: { partitions: 2 } });

  it('ends a symbol for every subscriber, and begins it anew with its next tick', async () => {
    const symbol = unique('S');
    const http = await HttpClient.connect(server.port);
    const publisher = await publisherForTest(server.port, unique('feed'));
    const exact = await subscriberForTest(server.port);
    const wild = await subscriberForTest(server.port, { json: true });
    await exact.subscribe([symbol]);
    await wild.subscribe([`${symbol}*`]);
    // By an alias, which outlives the symbol.
    publisher.declare(0, [symbol]);
    publisher.publish([{ symbol, price: 100, time: TIME }]);
    publisher.publish([{ symbol, price: 103, time: TIME + 1 }]);
    for (const subscriber of [exact, wild]) await subscriber.counted(symbol, 2);
    const first = idOf(exact, symbol);
    expect(await retire(http, symbol)).toBe(204);
    expect((await http.get(pathOf(symbol))).status).toBe(404);
    expect(await retire(http, symbol)).toBe(404);
    for (const subscriber of [exact, wild]) {
      await gone(subscriber, symbol);
      expect(await subscriber.verify()).toMatchObject({ digest: 2_166_136_261, symbolCount: 0 });
    }
    publisher.publish([{ symbol, price: 7, time: TIME - 1000 }]);
    for (const subscriber of [exact, wild]) {
      await subscriber.counted(symbol, 1);
      expect(subscriber.mirror.get(symbol)).toEqual({
        price: 7,
        average: 7,
        count: 1,
        time: TIME - 1000,
        min: 7,
        max: 7,
      });
      const verified = await subscriber.verify();
      expect(verified).toMatchObject({ symbolCount: 1, digest: verified.ownDigest });
    }
    expect(idOf(exact, symbol)).not.toBe(first);
    expect((await http.get(pathOf(symbol))).json).toMatchObject({ updateCount: 1, maxPrice: 7 });
  });

  it('is what a naive model says, whatever comes and goes', async () => {
    const random = new Random(7);
    const prefix = unique('M');
    const http = await HttpClient.connect(server.port);
    const publisher = await publisherForTest(server.port, unique('feed'));
    const symbols = Array.from({ length: 12 }, (_, i) => `${prefix}-${i}`);
    publisher.declare(10, symbols.slice(0, 6));
    const subscribers = [
      await subscriberForTest(server.port),
      await subscriberForTest(server.port, { json: true }),
    ];
    await subscribers[0]?.subscribe([`${prefix}*`]);
    await subscribers[1]?.subscribe([...symbols, `${prefix}-1*`], { conflateMs: 5 });
    const model = new Map<string, SymbolOracle>();
    for (let round = 0; round < 60; round++) {
      const ticks = Array.from({ length: random.below(30) }, (_, i) => {
        const symbol = symbols[random.below(symbols.length)] as string;
        return { symbol, price: 100 + random.float() * 5, time: TIME + round * 50 + i };
      });
      for (const { symbol, price, time } of ticks) {
        const oracle = model.get(symbol) ?? new SymbolOracle();
        model.set(symbol, oracle);
        oracle.apply(price, time);
      }
      if (ticks.length > 0) {
        publisher.publish(ticks);
        await publisher.acknowledged();
      }
      const ends = symbols.filter(() => random.chance(0.15));
      const answers = await Promise.all(ends.map((symbol) => retire(http, symbol)));
      expect(answers).toEqual(ends.map((symbol) => (model.has(symbol) ? 204 : 404)));
      for (const symbol of ends) model.delete(symbol);
      if (round % 10 === 9) await subscribers[1]?.subscribe(symbols.slice(round % 3));
    }
    await http.settled();
    for (const symbol of symbols) {
      const { status, json } = await http.get<Record<string, number>>(pathOf(symbol));
      const oracle = model.get(symbol);
      expect(status).toBe(oracle === undefined ? 404 : 200);
      if (oracle === undefined) continue;
      const { count: updateCount, price: currentPrice, min: minPrice, max: maxPrice } = oracle;
      expect(json).toMatchObject({ updateCount, currentPrice, minPrice, maxPrice });
    }
    for (const subscriber of subscribers) {
      const verified = await subscriber.verify();
      expect(verified).toMatchObject({ symbolCount: model.size, digest: verified.ownDigest });
      const held = [...subscriber.mirror.names.values()].sort();
      expect(held).toEqual([...model.keys()].sort());
    }
    const page = await http.get<{ items: { symbol: string }[] }>(
      `/api/prices?prefix=${prefix}&limit=100`,
    );
    expect(page.json.items.map(({ symbol }) => symbol)).toEqual([...model.keys()].sort());
  });

  it('gives quotas back, to the publisher, the tenant and the server', async () => {
    const { port } = await serverForTest({
      server: { transport },
      processing: { maxSymbols: 10 },
      limits: { newSymbolsPerPublisher: 3 },
    });
    const http = await HttpClient.connect(port);
    const publisher = await publisherForTest(port, 'feed');
    for (let round = 0; round < 20; round++) {
      const names = [0, 1, 2].map((i) => `R${round}-${i}`);
      publisher.publish(names.map((symbol) => ({ symbol, price: 1, time: null })));
      await publisher.acknowledged();
      expect(publisher.lastAck).toMatchObject({ accepted: 3 * (round + 1), rejected: round });
      publisher.publish([{ symbol: 'one more', price: 1, time: null }]);
      await publisher.acknowledged();
      expect(await Promise.all(names.map((symbol) => retire(http, symbol)))).toEqual([
        204, 204, 204,
      ]);
    }
    const metrics = await http.metrics();
    expect(metrics.get('tickwire_symbols')).toBe(0);
    expect(metrics.get('tickwire_symbols_retired_total{cause="operator"}')).toBe(60);
  });

  it('retires symbols without ticks for limits.symbolIdleDays, and no others', async () => {
    const { port } = await serverForTest({
      server: { transport },
      limits: { symbolIdleDays: 0.4 / 86_400 },
    });
    const http = await HttpClient.connect(port);
    const publisher = await publisherForTest(port, 'feed');
    const subscriber = await subscriberForTest(port);
    await subscriber.subscribe(['*']);
    publisher.publish(['A', 'B'].map((symbol) => ({ symbol, price: 1, time: TIME })));
    await subscriber.counted('B', 1);
    let ticks = 1;
    while (subscriber.mirror.get('B') !== undefined) {
      publisher.publish([{ symbol: 'A', price: 1, time: TIME }]);
      await publisher.acknowledged();
      ticks++;
    }
    await subscriber.counted('A', ticks);
    const metrics = await http.metrics();
    expect(metrics.get('tickwire_symbols_retired_total{cause="idle"}')).toBe(1);
    expect(metrics.get('tickwire_symbols')).toBe(1);
  });
});

describe('history', () => {
  async function stored() {
    const config = { store: { directory: folderForTest() } };
    const server = await startTestServer(config);
    return { config, server };
  }

  async function raise(port: number, from: number, count: number): Promise<void> {
    const publisher = await publisherForTest(port, unique('feed'));
    // Each tick but the first is an anomaly; windows of different calls do not meet.
    for (let i = 0; i <= count; i++) {
      publisher.publish([{ symbol: 'H', price: 100 * 1.1 ** i, time: TIME + from * 10_000 + i }]);
    }
    await publisher.acknowledged();
  }

  it('stays after a symbol is retired, and its numbers go on, over a restart', async () => {
    const { config, server } = await stored();
    const http = await HttpClient.connect(server.port);
    await raise(server.port, 0, 3);
    await http.settled();
    expect(await retire(http, 'H')).toBe(204);
    const sequences = async (client: HttpClient) => {
      const { json } = await client.get<{ items: { sequence: number }[] }>(
        '/api/prices/H/anomalies',
      );
      return json.items.map(({ sequence }) => sequence);
    };
    expect(await sequences(http)).toEqual([1, 2, 3]);
    const subscriber = await subscriberForTest(server.port);
    expect((await subscriber.history('H', 1, 10))[3]).toHaveLength(2);
    await subscriber.subscribe(['H'], { since: { H: 1 } });
    await raise(server.port, 1, 2);
    await subscriber.until(() => subscriber.lastAnomaly('H') === 5, 'anomaly 5');
    expect(subscriber.anomaliesOf('H').map(({ sequence }) => sequence)).toEqual([2, 3, 4, 5]);
    await http.settled();
    expect(await retire(http, 'H')).toBe(204);
    await server.stop();
    const again = await startTestServer(config);
    const client = await HttpClient.connect(again.port);
    expect((await client.get('/api/prices/H')).status).toBe(404);
    expect((await client.metrics()).get('tickwire_symbols')).toBe(0);
    expect(await sequences(client)).toEqual([1, 2, 3, 4, 5]);
    await raise(again.port, 2, 1);
    await client.settled();
    await eventually(
      () => sequences(client),
      (all) => all.length === 6,
    );
    expect((await client.get('/api/prices/H')).json).toMatchObject({
      updateCount: 2,
      anomaliesDetected: 6,
    });
    await again.stop();
  });

  it('of a symbol that never was is empty', async () => {
    const { server } = await stored();
    const http = await HttpClient.connect(server.port);
    expect((await http.get('/api/prices/never/anomalies')).status).toBe(404);
    const subscriber = await subscriberForTest(server.port);
    expect(await subscriber.history('never', 0, 10)).toEqual([
      Op.HISTORY_PAGE,
      expect.any(Number),
      'never',
      [],
      false,
    ]);
    expect(await subscriber.history('never', 5, 10)).not.toContain(Code.not_available);
    await server.stop();
  });
});
