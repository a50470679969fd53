import { expect, it } from 'vitest';
import { MarketOracle } from '../../testkit/independent/market.ts';
import { Op } from '../../testkit/independent/protocol.ts';
import type { IndependentSubscriber } from '../../testkit/independent/subscriber.ts';
import { seededMarket } from '../../testkit/ticks.ts';
import { onTransports, serverForSuite, serverForTest } from '../support/running-server.ts';
import {
  pairForTest,
  publisherForTest,
  subscriberForTest,
  unique,
} from '../support/test-clients.ts';

const TIME = 1_700_000_000_000;
/** Server times are whole ms: their difference is off by less than 1. */
const CLOCK_MS = 1;

/** Least interval between STATS frames by the server's clock. */
function leastGapMs({ flushes }: IndependentSubscriber): number {
  const times = flushes.map(({ serverTime }) => serverTime);
  return Math.min(...times.slice(1).map((time, i) => time - (times[i] as number)));
}

onTransports((transport) => {
  const server = serverForSuite({ server: { transport } });
  /** Sweeps also flush, every three seconds. */
  const quietServer = () => serverForTest({ server: { transport, heartbeatMs: 60_000 } });

  it('honours conflateMs, skips intermediate states, and disturbs no other session', async () => {
    const prefix = unique('C');
    const symbols = Array.from({ length: 8 }, (_, i) => `${prefix}-${i}`);
    const market = seededMarket({ seed: 21, symbols, ticks: 4000 });
    const oracle = new MarketOracle(market);
    const [at0, at50, at100] = [
      await subscriberForTest(server.port),
      await subscriberForTest(server.port),
      await subscriberForTest(server.port),
    ];
    for (const subscriber of [at0, at50, at100]) oracle.watch(subscriber);
    await at0.subscribe([`${prefix}*`]);
    const [, , , effective] = await at50.subscribe([`${prefix}*`], { conflateMs: 50 });
    expect(effective).toEqual({ conflateMs: 50, fields: 63 });
    await at100.subscribe([`${prefix}*`], { conflateMs: 100 });
    const publisher = await publisherForTest(server.port, unique('feed'));
    for (let at = 0; at < market.length; at += 40) {
      publisher.publish(market.slice(at, at + 40));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const subscriber of [at0, at50, at100]) {
      await oracle.converged(subscriber);
      const verified = await subscriber.verify();
      expect(verified).toMatchObject({ symbolCount: 8, ownDigest: verified.digest });
    }
    expect(leastGapMs(at50)).toBeGreaterThanOrEqual(50 - CLOCK_MS);
    expect(leastGapMs(at100)).toBeGreaterThanOrEqual(100 - CLOCK_MS);
    expect(at0.flushes.length).toBeGreaterThan(at50.flushes.length);
    expect(at50.flushes.length).toBeGreaterThan(at100.flushes.length);
    // One frame a flush holds each symbol once: nothing is sent twice.
    expect(at100.mirror.entries).toBeLessThanOrEqual(8 * at100.flushes.length);
  });

  it('sends a change after a pause at once, what follows after conflateMs', async () => {
    const { symbol, publisher, subscriber } = await pairForTest(server.port, { conflateMs: 1000 });
    const start = performance.now();
    publisher.publish([{ symbol, price: 1, time: TIME }]);
    await subscriber.counted(symbol, 1);
    expect(performance.now() - start).toBeLessThan(990);
    publisher.publish([{ symbol, price: 2, time: TIME + 1 }]);
    publisher.publish([{ symbol, price: 3, time: TIME + 2 }]);
    await subscriber.counted(symbol, 3);
    expect(leastGapMs(subscriber)).toBeGreaterThanOrEqual(1000 - CLOCK_MS);
    expect(subscriber.mirror.get(symbol)).toMatchObject({ price: 3, count: 3, average: 2 });
  });

  it('follows a shorter conflateMs at once, also where a longer one was waited for', async () => {
    const quiet = await quietServer();
    const { symbol, publisher, subscriber } = await pairForTest(quiet.port, { conflateMs: 10_000 });
    // One price: no anomaly triggers a flush.
    publisher.publish([{ symbol, price: 1, time: TIME }]);
    await subscriber.counted(symbol, 1);
    publisher.publish([{ symbol, price: 1, time: TIME + 1 }]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await subscriber.subscribe([symbol], { conflateMs: 20 });
    await subscriber.counted(symbol, 2);
    for (let count = 3; count <= 6; count++) {
      publisher.publish([{ symbol, price: 1, time: TIME + count }]);
      await subscriber.counted(symbol, count, 1500);
    }
  });

  it('keeps telling sessions with a conflateMs while ticks come without a pause', async () => {
    const quiet = await quietServer();
    const { symbol, publisher, subscriber } = await pairForTest(quiet.port, { conflateMs: 20 });
    let time = TIME;
    // Sweeps alone flush three times.
    const end = performance.now() + 10_000;
    while (subscriber.flushes.length < 8 && performance.now() < end) {
      publisher.publish(Array.from({ length: 1100 }, () => ({ symbol, price: 1, time: time++ })));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(subscriber.flushes.length).toBeGreaterThanOrEqual(8);
    await subscriber.counted(symbol, time - TIME);
  });

  it('follows the last conflateMs given, for the session as a whole', async () => {
    const [a, b] = [unique('A'), unique('B')];
    const subscriber = await subscriberForTest(server.port);
    await subscriber.subscribe([a], { conflateMs: 60_001 });
    const answer = (await subscriber.subscribe([b]))[3];
    expect(answer).toEqual({ conflateMs: 60_000, fields: 63 });
    expect((await subscriber.subscribe([b], { conflateMs: 0 }))[3]).toMatchObject({
      conflateMs: 0,
    });
    const publisher = await publisherForTest(server.port, unique('feed'));
    for (let i = 1; i <= 5; i++) {
      publisher.publish([{ symbol: a, price: i, time: TIME + i }]);
      await subscriber.counted(a, i);
    }
  });

  it('does not make a session wait out a conflateMs that was made shorter', async () => {
    const { symbol, publisher, subscriber } = await pairForTest(server.port, {
      conflateMs: 60_000,
    });
    publisher.publish([{ symbol, price: 1, time: TIME }]);
    await subscriber.counted(symbol, 1);
    publisher.publish([{ symbol, price: 2, time: TIME + 1 }]);
    await publisher.acknowledged();
    await subscriber.subscribe([symbol], { conflateMs: 20 });
    await subscriber.counted(symbol, 2, 5000);
    publisher.publish([{ symbol, price: 3, time: TIME + 2 }]);
    await subscriber.counted(symbol, 3, 5000);
  });

  it('never holds back anomalies or answers', async () => {
    const { symbol, publisher, subscriber } = await pairForTest(server.port, {
      conflateMs: 60_000,
    });
    const prices = [100, 110, 90, 120];
    for (const [i, price] of prices.entries()) {
      publisher.publish([{ symbol, price, time: TIME + i }]);
      await publisher.acknowledged();
    }
    // 110 up, 90 down, 120 up.
    await subscriber.until(() => subscriber.anomalies.length === 3, 'the anomalies', 5000);
    await subscriber.ping();
    expect(subscriber.flushes.length).toBeLessThanOrEqual(1);
  });

  it('keeps whole milliseconds apart also where many sessions are due at once', async () => {
    const symbol = unique('S');
    const publisher = await publisherForTest(server.port, unique('feed'));
    const subscribers: IndependentSubscriber[] = [];
    for (let i = 0; i < 30; i++) {
      const subscriber = await subscriberForTest(server.port);
      await subscriber.subscribe([symbol], { conflateMs: 20 + i });
      subscribers.push(subscriber);
    }
    const ticks = 200;
    for (let i = 1; i <= ticks; i++) {
      publisher.publish([{ symbol, price: i, time: TIME + i }]);
      if (i % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 3));
    }
    for (const [i, subscriber] of subscribers.entries()) {
      await subscriber.counted(symbol, ticks);
      expect(subscriber.mirror.get(symbol)?.price).toBe(ticks);
      expect(leastGapMs(subscriber)).toBeGreaterThanOrEqual(20 + i - CLOCK_MS);
    }
  });
});

it('takes the default of the server', async () => {
  const server = await serverForTest({ stream: { conflateMs: 120 } });
  const subscriber = await subscriberForTest(server.port);
  const [, , , effective] = await subscriber.subscribe(['S']);
  expect(effective).toEqual({ conflateMs: 120, fields: 63 });
  const publisher = await publisherForTest(server.port, 'feed');
  for (let i = 1; i <= 60; i++) {
    publisher.send([Op.TICKS, i, ['S', i, TIME + i]]);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await subscriber.counted('S', 60);
  expect(leastGapMs(subscriber)).toBeGreaterThanOrEqual(120 - CLOCK_MS);
});
