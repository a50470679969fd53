import { expect } from 'vitest';
import type { ServedSymbol } from '../../loadgen/soak/server-api.ts';
import { MarketOracle } from '../../testkit/independent/market.ts';
import type { MarketTick } from '../../testkit/independent/statistics.ts';
import { settledTotals } from './processing-statistics.ts';
import { serverForTest, type TransportName } from './running-server.ts';
import { publisherForTest, subscriberForTest } from './test-clients.ts';

const PUBLISHERS = 3;

/**
 * Publishes ticks over three sockets into a lossless server, and checks every statistic and anomaly
 * of every symbol against the definition.
 */
export async function runMarket(
  ticks: readonly MarketTick[],
  transport: TransportName,
): Promise<void> {
  const oracle = new MarketOracle(ticks);
  const symbols = [...oracle.results.keys()];
  const server = await serverForTest({
    server: { transport },
    processing: { partitions: 2, overflow: 'wait', channelCapacity: 4096 },
  });
  const subscriber = await subscriberForTest(server.port);
  oracle.watch(subscriber);
  await subscriber.subscribe(['*']);
  const owner = new Map(symbols.map((symbol, i) => [symbol, i % PUBLISHERS]));
  await Promise.all(
    Array.from({ length: PUBLISHERS }, async (_, i) => {
      const publisher = await publisherForTest(server.port, `feed-${i}`);
      publisher.declare(
        0,
        symbols.filter((symbol) => owner.get(symbol) === i),
      );
      const own = ticks.filter(({ symbol }) => owner.get(symbol) === i);
      await publisher.publishAll(own, 500);
      expect(publisher.lastAck).toMatchObject({ accepted: own.length, rejected: 0, dropped: 0 });
    }),
  );
  await settledTotals(server.port, ticks.length);
  await oracle.converged(subscriber);
  const anomalies = symbols.flatMap((symbol) => oracle.anomalies(symbol));
  await subscriber.until(() => subscriber.anomalies.length >= anomalies.length, 'the anomalies');
  for (const symbol of symbols) {
    const record = subscriber.mirror.get(symbol);
    expect(record && oracle.fault(symbol, record)).toBeUndefined();
    expect(subscriber.anomaliesOf(symbol)).toEqual(oracle.anomalies(symbol));
  }
  const verified = await subscriber.verify();
  expect(verified).toMatchObject({ symbolCount: symbols.length, ownDigest: verified.digest });
  await compareList(server.port, oracle);
}

/** Compares `GET /api/prices` with the oracle, page by page. */
async function compareList(port: number, oracle: MarketOracle): Promise<void> {
  const listed: ServedSymbol[] = [];
  for (let after: string | null = ''; after !== null; ) {
    const query = new URLSearchParams({ after, limit: '25' });
    const response = await fetch(`http://127.0.0.1:${port}/api/prices?${query.toString()}`);
    const page = (await response.json()) as { items: ServedSymbol[]; next: string | null };
    listed.push(...page.items);
    after = page.next;
  }
  expect(listed.map(({ symbol }) => symbol).sort()).toEqual([...oracle.results.keys()].sort());
  for (const item of listed) {
    const { average, price, count, min, max } = oracle.final(item.symbol);
    expect(item).toMatchObject({
      currentPrice: price,
      updateCount: count,
      minPrice: min,
      maxPrice: max,
    });
    expect(Math.abs(item.movingAverage / average - 1)).toBeLessThan(1e-14);
  }
}
