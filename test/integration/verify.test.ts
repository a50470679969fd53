import { expect, it } from 'vitest';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import { seededMarket } from '../../testkit/ticks.ts';
import { onTransports, serverForSuite } from '../support/running-server.ts';
import { untilStalled } from '../support/stalled-sessions.ts';
import {
  pairForTest,
  publisherForTest,
  subscriberForTest,
  unique,
} from '../support/test-clients.ts';

const TIME = 1_700_000_000_000;

onTransports((transport) => {
  const server = serverForSuite({ server: { transport }, processing: { partitions: 2 } });

  it('is the digest of nothing where nothing is held', async () => {
    const subscriber = await subscriberForTest(server.port);
    const nothing = { digest: 2_166_136_261, symbolCount: 0 };
    expect(await subscriber.verify()).toMatchObject(nothing);
    await subscriber.subscribe([unique('never')]);
    expect(await subscriber.verify()).toMatchObject(nothing);
  });

  it('equals the own digest whenever it arrives, in the middle of the stream', async () => {
    const prefix = unique('V');
    const symbols = Array.from({ length: 30 }, (_, i) => `${prefix}-${i}`);
    const market = seededMarket({ seed: 41, symbols, ticks: 20_000 });
    const subscribers = [
      await subscriberForTest(server.port),
      await subscriberForTest(server.port, { json: true }),
      await subscriberForTest(server.port),
    ];
    for (const [i, subscriber] of subscribers.entries()) {
      await subscriber.subscribe([`${prefix}*`], { conflateMs: i === 2 ? 10 : 0 });
    }
    const publisher = await publisherForTest(server.port, unique('feed'));
    const progress = { isOver: false };
    const streaming = publisher.publishAll(market, 10).then(() => {
      progress.isOver = true;
    });
    const digests = new Set<number>();
    while (!progress.isOver) {
      for (const subscriber of subscribers) {
        const verified = await subscriber.verify();
        expect(verified.ownDigest).toBe(verified.digest);
        expect(verified.ownSymbolCount).toBe(verified.symbolCount);
        digests.add(verified.digest);
      }
    }
    await streaming;
    // Proves that the state moved in between.
    expect(digests.size).toBeGreaterThan(10);
  });

  it('brings the session up to date before it answers', async () => {
    const { symbol, publisher, subscriber: witness } = await pairForTest(server.port);
    const subscriber = await subscriberForTest(server.port);
    await subscriber.subscribe([symbol], { conflateMs: 300 });
    for (let i = 1; i <= 3; i++) {
      publisher.publish([{ symbol, price: i, time: TIME + i }]);
      await witness.counted(symbol, i);
    }
    const verified = await subscriber.verify();
    expect(subscriber.mirror.get(symbol)?.count).toBe(3);
    expect(verified).toMatchObject({ symbolCount: 1, ownDigest: verified.digest });
  });

  it('needs all fields, but does not mind patterns without statistics', async () => {
    const [a, b] = [unique('A'), unique('B')];
    const publisher = await publisherForTest(server.port, unique('feed'));
    publisher.publish([a, b].map((symbol) => ({ symbol, price: 1, time: TIME })));
    await publisher.acknowledged();
    const subscriber = await subscriberForTest(server.port);
    await subscriber.subscribe([a]);
    await subscriber.counted(a, 1);
    await subscriber.subscribe([b], { stats: false });
    expect(await subscriber.verify()).toMatchObject({ symbolCount: 1 });
    await subscriber.subscribe([b], { fields: 31 });
    subscriber.send([Op.VERIFY, 500]);
    const error = await subscriber.answer(Op.ERROR, 500);
    expect(error.slice(0, 3)).toEqual([Op.ERROR, 500, Code.bad_frame]);
    await subscriber.unsubscribe([b]);
    const verified = await subscriber.verify();
    expect(verified).toMatchObject({ symbolCount: 1, ownDigest: verified.digest });
  });

  it('answers a slow session when that has caught up', async () => {
    const prefix = unique('W');
    const symbols = Array.from({ length: 200 }, (_, i) => `${prefix}-${i}`);
    const publisher = await publisherForTest(server.port, unique('feed'));
    publisher.declare(0, symbols);
    const slow = await subscriberForTest(server.port, { json: true });
    await slow.subscribe([`${prefix}*`]);
    const publishRounds = async (from: number, to: number) => {
      for (let round = from; round < to; round++) {
        const price = (i: number) => 100 + Math.sin(round + i) / 3;
        const time = TIME + round;
        publisher.publish(symbols.map((symbol, i) => ({ symbol, price: price(i), time })));
        await publisher.acknowledged();
      }
    };
    slow.pause();
    let round = 0;
    await untilStalled(server.port, [slow], async () => {
      await publishRounds(round, round + 100);
      round += 100;
    });
    const asked = Array.from({ length: 10 }, () => slow.verify());
    await publishRounds(round, round + 50);
    round += 50;
    slow.resume();
    for (const verified of await Promise.all(asked)) {
      expect(verified).toMatchObject({ symbolCount: 200, ownDigest: verified.digest });
    }
    for (const symbol of symbols) await slow.counted(symbol, round);
    const verified = await slow.verify();
    expect(verified).toMatchObject({ symbolCount: 200, ownDigest: verified.digest });
  });

  it('refuses more than 16 requests that wait, and answers those', async () => {
    const { symbol, publisher, subscriber: witness } = await pairForTest(server.port);
    const subscriber = await subscriberForTest(server.port);
    await subscriber.subscribe([symbol], { conflateMs: 700 });
    // The first state goes out at once; the second waits, and VERIFY with it.
    for (let i = 1; i <= 2; i++) {
      publisher.publish([{ symbol, price: i, time: TIME + i }]);
      await witness.counted(symbol, i);
      if (i === 1) await subscriber.counted(symbol, 1);
    }
    for (let id = 101; id <= 120; id++) subscriber.send([Op.VERIFY, id]);
    const errors = await subscriber.received(Op.ERROR, 4);
    expect(errors.map(([, id, code, , retryable]) => [id, code, retryable])).toEqual(
      [117, 118, 119, 120].map((id) => [id, Code.rate_limited, true]),
    );
    const digests = await subscriber.received(Op.DIGEST, 16);
    expect(digests.map(([, id]) => id)).toEqual(Array.from({ length: 16 }, (_, i) => 101 + i));
    expect(new Set(digests.map(([, , digest]) => digest))).toEqual(
      new Set([subscriber.mirror.digest().digest]),
    );
  });
});
