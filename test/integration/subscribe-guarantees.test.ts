import { expect, it } from 'vitest';
import { StatisticsTable } from '../../src/engine/memory/statistics-table.ts';
import { createSymbolRecords, SymbolRecords } from '../../src/engine/memory/symbol-records.ts';
import { NO_VERSION, SymbolVersions } from '../../src/gateway/fanout/symbol-versions.ts';
import { VALUES } from '../../src/protocol/index.ts';
import { MarketOracle } from '../../testkit/independent/market.ts';
import { Random } from '../../testkit/random.ts';
import { seededMarket } from '../../testkit/ticks.ts';
import { onTransports, serverForSuite } from '../support/running-server.ts';
import { publisherForTest, subscriberForTest, unique } from '../support/test-clients.ts';

onTransports((transport) => {
  const server = serverForSuite({ server: { transport }, processing: { partitions: 2 } });

  it('shows every session only states that symbols had, and the last one of each', async () => {
    const prefix = unique('G');
    const symbols = Array.from({ length: 40 }, (_, i) => `${prefix}-${i}`);
    const market = seededMarket({ seed: 11, symbols, ticks: 6000 });
    const oracle = new MarketOracle(market);
    const all = await subscriberForTest(server.port);
    const json = await subscriberForTest(server.port, { json: true });
    const conflated = await subscriberForTest(server.port);
    const some = await subscriberForTest(server.port);
    for (const subscriber of [all, json, conflated, some]) oracle.watch(subscriber);
    await all.subscribe([`${prefix}*`]);
    await json.subscribe([`${prefix}*`]);
    await conflated.subscribe([`${prefix}*`], { conflateMs: 20 });
    await some.subscribe([`${prefix}-1*`]);
    const publisher = await publisherForTest(server.port, unique('feed'));
    await publisher.publishAll(market, 13);
    for (const subscriber of [all, json, conflated]) {
      await oracle.converged(subscriber);
      const verified = await subscriber.verify();
      expect(verified).toMatchObject({ symbolCount: 40, ownDigest: verified.digest });
    }
    await oracle.converged(
      some,
      symbols.filter((symbol) => symbol.startsWith(`${prefix}-1`)),
    );
    expect((await some.verify()).symbolCount).toBe(11);
    expect(conflated.flushes.length).toBeLessThan(all.flushes.length);
  });

  it('holds while sessions come, go and change their minds in mid-stream', async () => {
    const prefix = unique('H');
    const symbols = Array.from({ length: 12 }, (_, i) => `${prefix}-${i}`);
    const market = seededMarket({ seed: 12, symbols, ticks: 12_000 });
    const oracle = new MarketOracle(market);
    const publisher = await publisherForTest(server.port, unique('feed'));
    const streaming = publisher.publishAll(market, 20);
    const progress = { isOver: false };
    void streaming.then(() => {
      progress.isOver = true;
    });
    const random = new Random(13);
    const pick = () => random.pick(symbols);
    const patterns = [() => `${prefix}*`, () => `${prefix}*${random.below(10)}`, pick, pick];
    let changes = 0;
    do {
      const subscriber = await subscriberForTest(server.port, { json: random.chance(0.3) });
      oracle.watch(subscriber);
      for (let i = 0; i < 6; i++, changes++) {
        const pattern = random.pick(patterns)();
        if (random.chance(0.65)) {
          await subscriber.subscribe([pattern], { conflateMs: random.chance(0.5) ? 0 : 3 });
        } else {
          await subscriber.unsubscribe([pattern]);
        }
        const verified = await subscriber.verify();
        expect(verified.ownDigest).toBe(verified.digest);
        expect(verified.ownSymbolCount).toBe(verified.symbolCount);
      }
      if (random.chance(0.5)) subscriber.close();
    } while (!progress.isOver || changes <= 30);
    await streaming;
  });

  it('loses no update when a session takes the state just before its fan-out', async () => {
    const prefix = unique('T');
    const symbols = Array.from({ length: 64 }, (_, i) => `${prefix}-${i}`);
    const patient = await subscriberForTest(server.port);
    await patient.subscribe([`${prefix}*`]);
    const asking = await subscriberForTest(server.port);
    await asking.subscribe([`${prefix}*`]);
    const publisher = await publisherForTest(server.port, unique('feed'));
    publisher.declare(0, symbols);
    for (let round = 1; round <= 300; round++) {
      publisher.publish(symbols.map((symbol) => ({ symbol, price: round, time: round })));
      // Asked in the following turns: some find rows written but not fanned out.
      const asked = [];
      for (let turn = 0; turn < 6; turn++) {
        await new Promise((resolve) => setImmediate(resolve));
        asked.push(asking.verify());
      }
      for (const symbol of symbols) await patient.counted(symbol, round, 5000);
      await Promise.all(asked);
    }
  });
});

it('goes on when the version of a row passes the largest int32, after 2^30 updates', () => {
  const records = new SymbolRecords(createSymbolRecords(1, 4), 4);
  const statistics = new StatisticsTable(records);
  const pool = new SymbolVersions({ statistics, symbols: { isRetiring: () => false } });
  // Two updates before the wrap, as in a long-lived row.
  records.words[0] = 0x7fff_fffa;
  let snapshot = NO_VERSION;
  for (let price = 1; price <= 6; price++) {
    statistics.write(0, Float64Array.of(price, price, price, price, price, price, 0));
    expect(pool.refresh(0)).toBe(true);
    expect(pool.refresh(0)).toBe(false);
    snapshot = pool.current(0);
    expect(pool.values[snapshot * VALUES]).toBe(price);
    // Held by a session: the next one must differ.
    pool.retain(snapshot);
  }
  // Past the other wrap, where the version skips "never written".
  records.words[0] = -4;
  for (let price = 1; price <= 4; price++) {
    statistics.write(0, Float64Array.of(price, price, price, price, price, price, 0));
    expect(pool.refresh(0)).toBe(true);
    expect(pool.values[pool.current(0) * VALUES]).toBe(price);
  }
});
