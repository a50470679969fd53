import { expect, it } from 'vitest';
import { MarketOracle } from '../../testkit/independent/market.ts';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import { seededMarket } from '../../testkit/ticks.ts';
import { onTransports, serverForSuite, serverForTest } from '../support/running-server.ts';
import {
  pairForTest,
  publisherForTest,
  subscriberForTest,
  unique,
} from '../support/test-clients.ts';

const TIME = 1_700_000_000_000;

/** Prices that move by 3 % with every tick: each one after the first is an anomaly. */
function swings(symbol: string, count: number, from = 0) {
  return Array.from({ length: count }, (_, i) => ({
    symbol,
    price: (from + i) % 2 === 0 ? 100 : 103,
    time: TIME + from + i,
  }));
}

onTransports((transport) => {
  const server = serverForSuite({ server: { transport }, processing: { partitions: 2 } });

  it('are what the definition says, in order, each once, conflated or not', async () => {
    const prefix = unique('M');
    const symbols = Array.from({ length: 20 }, (_, i) => `${prefix}-${i}`);
    const market = seededMarket({ seed: 31, symbols, ticks: 8000 });
    const oracle = new MarketOracle(market);
    const plain = await subscriberForTest(server.port);
    const json = await subscriberForTest(server.port, { json: true });
    const conflated = await subscriberForTest(server.port);
    await plain.subscribe([`${prefix}*`]);
    await json.subscribe([`${prefix}*`], { stats: false });
    await conflated.subscribe([`${prefix}*`], { conflateMs: 5000 });
    const publisher = await publisherForTest(server.port, unique('feed'));
    await publisher.publishAll(market, 50);
    const expected = symbols.map((symbol) => oracle.anomalies(symbol));
    const total = expected.flat().length;
    expect(total).toBeGreaterThan(100);
    expect(new Set(expected.flat().map(({ direction }) => direction))).toEqual(new Set([1, -1]));
    for (const subscriber of [plain, json, conflated]) {
      await subscriber.until(() => subscriber.anomalies.length >= total, `${total} anomalies`);
      expect(symbols.map((symbol) => subscriber.anomaliesOf(symbol))).toEqual(expected);
      expect(subscriber.jumps).toEqual([]);
    }
    expect(json.flushes).toEqual([]);
  });

  it('Up comes before Down where one tick raises both', async () => {
    const { symbol, publisher, subscriber } = await pairForTest(server.port);
    publisher.publish([100, 110, 105].map((price, i) => ({ symbol, price, time: TIME + i })));
    await subscriber.until(() => subscriber.anomalies.length === 3, 'three anomalies');
    expect(subscriber.anomalies.map(({ direction, reference }) => [direction, reference])).toEqual([
      [1, 100],
      [1, 100],
      [-1, 110],
    ]);
  });

  it('are not raised by a move of exactly the threshold, nor by late ticks', async () => {
    const { symbol, publisher, subscriber } = await pairForTest(server.port);
    const ticks = [10.1, 10.302, 10.1].map((price, i) => ({ symbol, price, time: TIME + i }));
    publisher.publish([...ticks, { symbol, price: 500, time: TIME - 1 }]);
    publisher.publish([{ symbol, price: 10.3021, time: TIME + 3 }]);
    await subscriber.counted(symbol, 5);
    await subscriber.until(() => subscriber.anomalies.length === 1, 'the anomaly');
    expect(subscriber.anomalies[0]).toMatchObject({ sequence: 1, reference: 10.1, price: 10.3021 });
  });

  it('HISTORY gives them page by page, and says whether there are more', async () => {
    const { symbol, publisher, subscriber } = await pairForTest(server.port);
    publisher.publish(swings(symbol, 11));
    await subscriber.until(() => subscriber.anomalies.length === 10, 'ten anomalies');
    const pages: unknown[][] = [];
    for (let after = 0, more = true; more; ) {
      const page = await subscriber.history(symbol, after, 4);
      expect(page.slice(0, 3)).toEqual([Op.HISTORY_PAGE, page[1], symbol]);
      const anomalies = page[3] as number[][];
      pages.push(anomalies);
      after = anomalies.at(-1)?.[0] as number;
      more = page[4] as boolean;
    }
    expect(pages.map(({ length }) => length)).toEqual([4, 4, 2]);
    expect(pages.flat()).toEqual(
      subscriber.anomalies.map((a) => [
        a.sequence,
        a.direction,
        a.reference,
        a.price,
        a.changePercent,
        a.time,
      ]),
    );
    expect((await subscriber.history(symbol, 6, 4)).slice(3)).toEqual([
      pages.flat().slice(6),
      false,
    ]);
    expect((await subscriber.history(symbol, 10, 5)).slice(3)).toEqual([[], false]);
    expect((await subscriber.history(symbol, 99, 5)).slice(3)).toEqual([[], false]);
    expect((await subscriber.history(unique('never'), 0, 5)).slice(3)).toEqual([[], false]);
  });

  it('HISTORY of what fell out of memory is not_available without a store', async () => {
    const own = await serverForTest({
      server: { transport },
      stream: { recentAnomaliesPerSymbol: 10 },
    });
    const subscriber = await subscriberForTest(own.port);
    await subscriber.subscribe(['S']);
    const publisher = await publisherForTest(own.port, 'feed');
    publisher.publish(swings('S', 26));
    await subscriber.until(() => subscriber.anomalies.at(-1)?.sequence === 25, 'the last anomaly');
    const error = await subscriber.history('S', 14, 5);
    expect(error.slice(0, 3)).toEqual([Op.ERROR, error[1], Code.not_available]);
    expect(error[3]).toBe('anomalies after 14 are removed: kept from 16 on');
    // They never come back.
    expect(error[4]).toBe(false);
    const page = await subscriber.history('S', 15, 1000);
    expect((page[3] as number[][]).map(([sequence]) => sequence)).toEqual([
      16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
    ]);
    expect(page[4]).toBe(false);
    // A replay from before the oldest jumps to it.
    const late = await subscriberForTest(own.port);
    await late.subscribe(['S'], { since: { S: 3 } });
    await late.until(() => late.anomalies.length === 10, 'what is held');
    expect(late.jumps).toEqual([{ symbol: 'S', after: 3, next: 16 }]);
  });

  it.each([
    ['a bad symbol', '', 0, 5, Code.bad_symbol],
    ['a pattern', 'A*', 0, 5, Code.bad_symbol],
    ['a symbol of a wrong type', 5, 0, 5, Code.bad_frame],
    ['a sequence below 0', 'A', -1, 5, Code.bad_frame],
    ['limit 0', 'A', 0, 0, Code.bad_frame],
    ['a fractional limit', 'A', 0, 1.5, Code.bad_frame],
  ])('HISTORY of %s is refused', async (_what, symbol, after, limit, code) => {
    const subscriber = await subscriberForTest(server.port);
    subscriber.send([Op.HISTORY, 9, symbol, after, limit]);
    const [error] = await subscriber.received(Op.ERROR);
    expect(error?.slice(0, 3)).toEqual([Op.ERROR, 9, code]);
  });

  it('come in one frame or many, however many there are at once', async () => {
    const prefix = unique('B');
    const symbols = Array.from({ length: 40 }, (_, i) => `${prefix}-${i}`);
    const subscriber = await subscriberForTest(server.port);
    await subscriber.subscribe(symbols);
    const publisher = await publisherForTest(server.port, unique('feed'));
    // More of each than the server holds.
    const ticks = symbols.flatMap((symbol) => swings(symbol, 501));
    publisher.publish(ticks);
    // Partitions run apart: no symbol's last anomaly is the last of all.
    const areOver = () => symbols.every((symbol) => subscriber.lastAnomaly(symbol) === 500);
    await subscriber.until(areOver, 'the last anomaly of each symbol');
    expect(subscriber.jumps).toEqual([]);
    expect(subscriber.anomalies.length).toBe(40 * 500);
  });
});
