import { describe, expect, it } from 'vitest';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import type { IndependentPublisher } from '../../testkit/independent/publisher.ts';
import type { IndependentSubscriber } from '../../testkit/independent/subscriber.ts';
import { onTransports, serverForSuite, serverForTest } from '../support/running-server.ts';
import {
  pairForTest,
  publisherForTest,
  subscriberForTest,
  unique,
} from '../support/test-clients.ts';

const TIME = 1_700_000_000_000;

onTransports((transport) => {
  const server = serverForSuite({ server: { transport } });

  /** Publishes prices one ms apart from TIME + `from` and waits for the ACK. */
  async function publishPrices(
    publisher: IndependentPublisher,
    symbol: string,
    prices: readonly number[],
    from = 0,
  ): Promise<void> {
    publisher.publish(prices.map((price, i) => ({ symbol, price, time: TIME + from + i })));
    await publisher.acknowledged();
  }

  it('sends WELCOME without what only publishers need', async () => {
    const { welcome } = await subscriberForTest(server.port);
    expect(Object.keys(welcome).sort()).toEqual(
      ['version', 'epoch', 'session', 'serverTime', 'heartbeatMs', 'limits'].sort(),
    );
  });

  it('gives every session of a server the same epoch, and each its own name', async () => {
    const one = await subscriberForTest(server.port);
    const two = await publisherForTest(server.port, unique('feed'));
    expect(one.welcome.epoch).toBe(two.welcome.epoch);
    expect(one.welcome.session).not.toBe(two.welcome.session);
  });

  it('sends the state there is as a full entry, then deltas with what changed only', async () => {
    const symbol = unique('S');
    const publisher = await publisherForTest(server.port, unique('feed'));
    await publishPrices(publisher, symbol, [10, 30]);
    const subscriber = await subscriberForTest(server.port);
    const masks: number[] = [];
    subscriber.onEntry = (_symbol, _record, mask) => masks.push(mask);
    const [, , codes, effective] = await subscriber.subscribe([symbol]);
    expect([codes, effective]).toEqual([[0], { conflateMs: 0, fields: 63 }]);
    await subscriber.counted(symbol, 2);
    const state = { price: 30, average: 20, count: 2, time: TIME + 1, min: 10, max: 30 };
    expect(subscriber.mirror.get(symbol)).toEqual(state);
    await publishPrices(publisher, symbol, [30], 2);
    await subscriber.counted(symbol, 3);
    // Neither price nor minimum nor maximum changed.
    expect(masks).toEqual([127, 2 | 4 | 8]);
    await publishPrices(publisher, symbol, [5], 3);
    await subscriber.counted(symbol, 4);
    expect(masks).toEqual([127, 14, 1 | 2 | 4 | 8 | 16]);
  });

  it('sends a full entry where adding an increase would not give the time exactly', async () => {
    const { symbol, publisher, subscriber } = await pairForTest(server.port);
    const times = [1e-5, TIME + 0.3, TIME + 0.7, TIME + 1];
    for (const [i, time] of times.entries()) {
      publisher.publish([{ symbol, price: 1, time }]);
      await subscriber.counted(symbol, i + 1);
      expect(subscriber.mirror.get(symbol)?.time).toBe(time);
    }
    const verified = await subscriber.verify();
    expect(verified.digest).toBe(verified.ownDigest);
  });

  it('starts with the first tick where a symbol has none yet', async () => {
    const symbol = unique('S');
    const subscriber = await subscriberForTest(server.port);
    const [, , codes] = await subscriber.subscribe([symbol, symbol]);
    expect(codes).toEqual([0, 0]);
    await subscriber.ping();
    expect(subscriber.mirror.names.size).toBe(0);
    const publisher = await publisherForTest(server.port, unique('feed'));
    await publishPrices(publisher, symbol, [1]);
    await subscriber.counted(symbol, 1);
  });

  describe('patterns', () => {
    it('match what they should, seen before and after', async () => {
      const own = await serverForTest({ server: { transport } });
      const symbols = ['A-1', 'A-B-C', 'A-', '-C', 'X-C', 'ABC', 'ABBCC', 'AxByC', 'ACB'];
      symbols.push('ab.c', 'b.', 'abXc', 'a', 'aABC', 'ABCa', 'xA-1', 'A--C');
      const expected: Readonly<Record<string, readonly string[]>> = {
        'A-*': ['A-1', 'A-B-C', 'A-', 'A--C'],
        '*-C': ['A-B-C', '-C', 'X-C', 'A--C'],
        'A*B*C': ['A-B-C', 'ABC', 'ABBCC', 'AxByC'],
        'A-*-C': ['A-B-C', 'A--C'],
        '*b.*': ['ab.c', 'b.'],
        '**': symbols,
        '*': symbols,
        ABC: ['ABC'],
      };
      const publisher = await publisherForTest(own.port, 'feed');
      const early = symbols.filter((_, i) => i % 2 === 0);
      const late = symbols.filter((_, i) => i % 2 === 1);
      publisher.publish(early.map((symbol) => ({ symbol, price: 1, time: TIME })));
      await publisher.acknowledged();
      const subscribers = new Map<string, IndependentSubscriber>();
      for (const pattern of Object.keys(expected)) {
        const subscriber = await subscriberForTest(own.port);
        await subscriber.subscribe([pattern]);
        subscribers.set(pattern, subscriber);
      }
      publisher.publish(late.map((symbol) => ({ symbol, price: 1, time: TIME })));
      await publisher.acknowledged();
      for (const [pattern, subscriber] of subscribers) {
        const matched = expected[pattern] as readonly string[];
        for (const symbol of matched) await subscriber.counted(symbol, 1);
        await subscriber.verify();
        expect([...subscriber.mirror.names.values()].sort()).toEqual([...matched].sort());
      }
    });

    it('are answered one by one; a bad one affects no other', async () => {
      const subscriber = await subscriberForTest(server.port);
      const good = unique('S');
      const patterns = ['', good, ' x', 'x'.repeat(33), 'a\u0001', '*', 'x*'.repeat(16)];
      const [, , codes] = await subscriber.subscribe(patterns);
      const { bad_symbol: bad } = Code;
      expect(codes).toEqual([bad, 0, bad, bad, bad, 0, 0]);
      const [, , released] = await subscriber.unsubscribe(['', good, 'never held', '*']);
      expect(released).toEqual([bad, 0, 0, 0]);
    });

    it('over the limit are refused, one by one; those held may be given again', async () => {
      const own = await serverForTest({ server: { transport }, stream: { subscriptionsMax: 3 } });
      const subscriber = await subscriberForTest(own.port);
      const full = Code.subscription_limit;
      expect((await subscriber.subscribe(['a', 'b*', 'c', 'd']))[2]).toEqual([0, 0, 0, full]);
      expect((await subscriber.subscribe(['a', 'e', 'b*']))[2]).toEqual([0, full, 0]);
      await subscriber.unsubscribe(['a']);
      expect((await subscriber.subscribe(['e', 'f']))[2]).toEqual([0, full]);
    });
  });

  it('subscribes to many symbols at once and keeps all in sync', async () => {
    const own = await serverForTest({ server: { transport } });
    const symbols = Array.from({ length: 3000 }, (_, i) => `SYM-${i}`);
    const publisher = await publisherForTest(own.port, 'feed');
    const ticks = symbols.map((symbol, i) => ({ symbol, price: i + 1, time: TIME + i }));
    await publisher.publishAll(ticks, 1000);
    const byName = await subscriberForTest(own.port);
    const byPattern = await subscriberForTest(own.port);
    await byName.subscribe(symbols);
    await byPattern.subscribe(['*']);
    await publisher.publishAll(ticks, 1000);
    for (const subscriber of [byName, byPattern]) {
      for (const symbol of symbols) await subscriber.counted(symbol, 2);
      const verified = await subscriber.verify();
      expect(verified).toMatchObject({ symbolCount: 3000, ownDigest: verified.digest });
    }
  });

  it('sends a full entry again after a second SUBSCRIBE', async () => {
    const symbol = unique('S');
    const publisher = await publisherForTest(server.port, unique('feed'));
    const subscriber = await subscriberForTest(server.port);
    await publishPrices(publisher, symbol, [1, 2, 3]);
    await subscriber.subscribe([symbol]);
    await subscriber.counted(symbol, 3);
    for (let full = 2; full < 5; full++) {
      await subscriber.subscribe([symbol]);
      await subscriber.until(() => subscriber.mirror.fullEntries === full, `full entry ${full}`);
    }
    await publishPrices(publisher, symbol, [4], 3);
    await subscriber.counted(symbol, 4);
    expect(subscriber.mirror.fullEntries).toBe(4);
    const verified = await subscriber.verify();
    expect(verified.digest).toBe(verified.ownDigest);
  });

  it('releases a symbol only when no pattern holds it', async () => {
    const [a, b] = [unique('AA'), unique('AB')];
    const publisher = await publisherForTest(server.port, unique('feed'));
    await publishPrices(publisher, a, [1]);
    await publishPrices(publisher, b, [1]);
    const subscriber = await subscriberForTest(server.port);
    await subscriber.subscribe([a, `${a.slice(0, 2)}*`, b]);
    await subscriber.counted(a, 1);
    await subscriber.counted(b, 1);
    await subscriber.unsubscribe([a, b]);
    await publishPrices(publisher, b, [2], 1);
    await publishPrices(publisher, a, [2], 1);
    await subscriber.counted(a, 2);
    expect(subscriber.mirror.get(b)).toBeUndefined();
    await subscriber.unsubscribe([`${a.slice(0, 2)}*`]);
    await publishPrices(publisher, a, [3], 2);
    await subscriber.ping();
    const verified = await subscriber.verify();
    expect(verified).toMatchObject({ symbolCount: 0, digest: 2_166_136_261, ownSymbolCount: 0 });
    await subscriber.subscribe([b]);
    await subscriber.counted(b, 2);
    expect((await subscriber.verify()).ownDigest).toBe((await subscriber.verify()).digest);
  });

  describe('fields', () => {
    it.each([1, 2, 4, 8, 16, 32, 5, 36, 62])(
      '%i: entries carry these and no other',
      async (fields) => {
        const symbol = unique('S');
        const publisher = await publisherForTest(server.port, unique('feed'));
        const subscriber = await subscriberForTest(server.port);
        const masks = new Set<number>();
        subscriber.onEntry = (_symbol, _record, mask) => masks.add(mask & 63 & ~fields);
        const [, , , effective] = await subscriber.subscribe([symbol], { fields });
        expect(effective).toEqual({ conflateMs: 0, fields });
        const prices = [10, 20, 5, 5];
        for (const [i, price] of prices.entries())
          await publishPrices(publisher, symbol, [price], i);
        const names = ['price', 'average', 'count', 'time', 'min', 'max'] as const;
        const final = { price: 5, average: 10, count: 4, time: TIME + 3, min: 5, max: 20 };
        const wanted = names.filter((_, bit) => (fields & (1 << bit)) !== 0);
        await subscriber.until(
          () => wanted.every((name) => subscriber.mirror.get(symbol)?.[name] === final[name]),
          'the final values',
        );
        for (const name of names.filter((name) => !wanted.includes(name))) {
          expect(subscriber.mirror.get(symbol)?.[name]).toBeUndefined();
        }
        expect([...masks]).toEqual([0]);
      },
    );

    it('of overlapping patterns add up, and go with their pattern', async () => {
      const symbol = unique('FX');
      const publisher = await publisherForTest(server.port, unique('feed'));
      const subscriber = await subscriberForTest(server.port);
      await subscriber.subscribe([symbol], { fields: 4 });
      await subscriber.subscribe(['FX*'], { fields: 1 });
      await publishPrices(publisher, symbol, [7]);
      await subscriber.counted(symbol, 1);
      expect(subscriber.mirror.get(symbol)).toMatchObject({ price: 7, count: 1, max: undefined });
      await subscriber.unsubscribe(['FX*']);
      await publishPrices(publisher, symbol, [8], 1);
      await subscriber.counted(symbol, 2);
      expect(subscriber.mirror.get(symbol)).toMatchObject({ price: undefined, count: 2 });
    });
  });

  describe('unrequested updates', () => {
    it('stats: false brings anomalies only, stats again a full entry', async () => {
      const { symbol, publisher, subscriber } = await pairForTest(server.port, { stats: false });
      await publishPrices(publisher, symbol, [100, 110, 90]);
      await subscriber.until(() => subscriber.anomalies.length === 2, 'two anomalies');
      await subscriber.ping();
      expect(subscriber.mirror.entries).toBe(0);
      await subscriber.subscribe([symbol], { stats: true });
      await subscriber.counted(symbol, 3);
    });

    it('anomalies: false brings statistics only', async () => {
      const { symbol, publisher, subscriber } = await pairForTest(server.port, {
        anomalies: false,
      });
      await publishPrices(publisher, symbol, [100, 110, 90]);
      await subscriber.counted(symbol, 3);
      await subscriber.ping();
      expect(subscriber.anomalies).toEqual([]);
    });

    it('stats: false while an entry waits for conflateMs takes that entry back', async () => {
      const { symbol, publisher, subscriber } = await pairForTest(server.port, { conflateMs: 250 });
      await publishPrices(publisher, symbol, [1]);
      await subscriber.counted(symbol, 1);
      const unconflated = await subscriberForTest(server.port);
      await unconflated.subscribe([symbol]);
      await publishPrices(publisher, symbol, [2], 1);
      await unconflated.counted(symbol, 2);
      await subscriber.subscribe([symbol], { stats: false });
      const entries = subscriber.mirror.entries;
      await new Promise((resolve) => setTimeout(resolve, 400));
      await subscriber.ping();
      expect(subscriber.mirror.entries).toBe(entries);
    });
  });

  it('replays the anomalies after `since`, and none without it', async () => {
    const { symbol, publisher, subscriber: before } = await pairForTest(server.port);
    await publishPrices(publisher, symbol, [100, 110, 121, 133.1, 146.41]);
    await before.until(() => before.anomalies.length === 4, 'the anomalies as they happen');
    const witness = await subscriberForTest(server.port);
    await witness.subscribe([symbol]);
    await witness.counted(symbol, 5);
    const all = await subscriberForTest(server.port);
    await all.subscribe([symbol], { since: { [symbol]: 0 } });
    const some = await subscriberForTest(server.port);
    await some.subscribe(['*'], { since: { [symbol]: 3, 'never seen': 7 } });
    await all.until(() => all.anomalies.length === 4, 'all anomalies');
    await some.until(() => some.anomalies.length === 1, 'the last anomaly');
    await publishPrices(publisher, symbol, [170], 5);
    for (const subscriber of [witness, all, some]) {
      await subscriber.until(() => subscriber.anomalies.at(-1)?.sequence === 5, 'the newest');
      expect(subscriber.jumps).toEqual([]);
    }
    expect(witness.anomalies.map(({ sequence }) => sequence)).toEqual([5]);
    expect(all.anomalies.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
    expect(some.anomalies.map(({ sequence }) => sequence)).toEqual([4, 5]);
  });

  it('replays nothing for a `since` ahead of the server', async () => {
    const { symbol, publisher, subscriber: before } = await pairForTest(server.port);
    await publishPrices(publisher, symbol, [100, 110]);
    await before.until(() => before.anomalies.length === 1, 'the anomaly as it happens');
    const subscriber = await subscriberForTest(server.port);
    await subscriber.subscribe([symbol], { since: { [symbol]: 4_000_000_000 } });
    await subscriber.counted(symbol, 2);
    expect(subscriber.anomalies).toEqual([]);
    await subscriber.ping();
  });

  it.each([
    ['a pattern of a wrong type', ['a', 5], undefined],
    ['patterns that are no array', 'a', undefined],
    ['options that are no map', ['a'], [1]],
    ['stats of a wrong type', ['a'], { stats: 1 }],
    ['a negative conflateMs', ['a'], { conflateMs: -1 }],
    ['fields 0', ['a'], { fields: 0 }],
    ['fields 64', ['a'], { fields: 64 }],
    ['since that is no map', ['a'], { since: 5 }],
    ['a since below 0', ['a'], { since: { a: -1 } }],
  ])('answers %s with bad_frame, and subscribes to nothing', async (_what, patterns, options) => {
    const subscriber = await subscriberForTest(server.port);
    subscriber.send([Op.SUBSCRIBE, 77, patterns, options ?? null]);
    const [error] = await subscriber.received(Op.ERROR);
    expect(error?.slice(0, 3)).toEqual([Op.ERROR, 77, Code.bad_frame]);
    const publisher = await publisherForTest(server.port, unique('feed'));
    await publishPrices(publisher, 'a', [1]);
    await subscriber.ping();
    expect(subscriber.mirror.entries).toBe(0);
  });

  it('ignores options that it does not know', async () => {
    const subscriber = await subscriberForTest(server.port);
    const options = { later: [1, 2], conflateMs: null, constructor: 1, since: {} };
    const [, , codes] = await subscriber.subscribe(['a'], options);
    expect(codes).toEqual([0]);
  });
});
