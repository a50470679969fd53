import { expect, it } from 'vitest';
import { onTransports, serverForSuite } from '../support/running-server.ts';
import { seededMarket, seededRandom } from '../support/seeded-market.ts';
import { StateOracle } from '../support/state-oracle.ts';
import { publisherForTest, subscriberForTest, unique } from '../support/test-clients.ts';

onTransports((transport) => {
  const server = serverForSuite({ server: { transport }, processing: { partitions: 2 } });

  it('shows every session only states that symbols really had, and the last one of each', async () => {
    const prefix = unique('G');
    const symbols = Array.from({ length: 40 }, (_, i) => `${prefix}-${i}`);
    const market = seededMarket({ seed: 11, symbols, ticks: 6000 });
    const oracle = new StateOracle(market);
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

  it('holds while sessions come, go, subscribe again and let go in the middle of the stream', async () => {
    const prefix = unique('H');
    const symbols = Array.from({ length: 12 }, (_, i) => `${prefix}-${i}`);
    const market = seededMarket({ seed: 12, symbols, ticks: 12_000 });
    const oracle = new StateOracle(market);
    const publisher = await publisherForTest(server.port, unique('feed'));
    const streaming = publisher.publishAll(market, 20);
    let isOver = false;
    void streaming.then(() => {
      isOver = true;
    });
    const random = seededRandom(13);
    const pick = () => symbols[Math.floor(random() * symbols.length)] as string;
    const patterns = [
      () => `${prefix}*`,
      () => `${prefix}*${Math.floor(random() * 10)}`,
      pick,
      pick,
    ];
    let changes = 0;
    do {
      const subscriber = await subscriberForTest(server.port, { json: random() < 0.3 });
      oracle.watch(subscriber);
      for (let i = 0; i < 6; i++, changes++) {
        const pattern = (patterns[Math.floor(random() * 4)] as () => string)();
        if (random() < 0.65) {
          await subscriber.subscribe([pattern], { conflateMs: random() < 0.5 ? 0 : 3 });
        } else {
          await subscriber.unsubscribe([pattern]);
        }
        const verified = await subscriber.verify();
        expect(verified.ownDigest).toBe(verified.digest);
        expect(verified.ownSymbolCount).toBe(verified.symbolCount);
      }
      if (random() < 0.5) subscriber.close();
    } while (!isOver);
    await streaming;
    expect(changes).toBeGreaterThan(30);
  });
});
