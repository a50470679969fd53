import { expect, it } from 'vitest';
import { MarketOracle } from '../../testkit/independent/market.ts';
import { Op } from '../../testkit/independent/protocol.ts';
import { seededMarket } from '../../testkit/ticks.ts';
import { folderForTest } from '../support/folders.ts';
import { settledTotals } from '../support/processing-statistics.ts';
import { onTransports, serverForSuite, serverForTest } from '../support/running-server.ts';
import { publisherForTest, subscriberForTest, unique } from '../support/test-clients.ts';

const TIME = 1_700_000_000_000;

/** Ticks of one symbol, one ms apart. */
function ticksOf(symbol: string, count: number) {
  return Array.from({ length: count }, (_, i) => ({ symbol, price: i + 1, time: TIME + i }));
}

onTransports((transport) => {
  const waiting = (channelCapacity: number) =>
    serverForSuite({
      server: { transport },
      processing: { channelCapacity, overflow: 'wait' },
    });
  const places64 = waiting(64);
  const places1024 = waiting(1024);

  it('dropNewest: discards what arrives at a full queue, and counts it in ACK', async () => {
    const server = await serverForTest({
      server: { transport },
      processing: { channelCapacity: 64, overflow: 'dropNewest' },
    });
    const subscriber = await subscriberForTest(server.port);
    await subscriber.subscribe(['*']);
    const publisher = await publisherForTest(server.port, 'feed');
    expect(publisher.welcome).toMatchObject({ overflow: 'dropNewest', credit: 65_536 });
    // A whole frame arrives before the worker takes any of it.
    publisher.publish(ticksOf('S', 10_000));
    const first = await publisher.acknowledged();
    expect(first).toMatchObject({ accepted: 64, dropped: 9936, rejected: 0 });
    await subscriber.counted('S', 64);
    expect(subscriber.mirror.get('S')).toMatchObject({ price: 64, max: 64 });
    publisher.publish(ticksOf('S', 3));
    const second = await publisher.acknowledged();
    expect(second).toMatchObject({ accepted: 67, dropped: 9936 });
    expect(await settledTotals(server.port, 67)).toMatchObject({ lapped: 0, dropped: 9936 });
  });

  it('dropOldest: takes every newest tick and accounts for every lapped one', async () => {
    const server = await serverForTest({
      server: { transport },
      processing: { channelCapacity: 64, overflow: 'dropOldest', partitions: 2 },
    });
    const subscriber = await subscriberForTest(server.port);
    await subscriber.subscribe(['*']);
    const publisher = await publisherForTest(server.port, 'feed');
    const symbols = ['A', 'B', 'C', 'D', 'E'];
    let sent = 0;
    for (let round = 0; round < 40; round++) {
      const ticks = ticksOf('', 50 * 40).map(({ price }, i) => ({
        symbol: symbols[i % symbols.length] as string,
        price: price + round,
        time: TIME + sent + i,
      }));
      publisher.publish(ticks);
      sent += ticks.length;
      const ack = await publisher.acknowledged();
      expect(ack).toMatchObject({ accepted: sent, dropped: 0, rejected: 0 });
    }
    const totals = await settledTotals(server.port, sent);
    expect(totals.lapped).toBeGreaterThan(0);
    expect(totals.dropped).toBe(totals.lapped);
    // The newest tick of each symbol survives, whatever else was lapped.
    for (const [i, symbol] of symbols.entries()) {
      const time = TIME + sent - symbols.length + i;
      const isThere = () => subscriber.mirror.get(symbol)?.time === time;
      await subscriber.until(isThere, `the last tick of ${symbol}`);
      expect(subscriber.mirror.get(symbol)?.price).toBe(1996 + i + 39);
    }
    const counts = symbols.map((symbol) => subscriber.mirror.get(symbol)?.count ?? 0);
    expect(counts.reduce((sum, count) => sum + count)).toBe(totals.processed);
  });

  it('gives a constant credit where nothing waits', async () => {
    const server = await serverForTest({
      server: { transport },
      processing: { channelCapacity: 256 },
      publish: { ticksPerFrameMax: 1000 },
    });
    const publisher = await publisherForTest(server.port, 'feed');
    expect(publisher.welcome.credit).toBe(1000);
    for (let i = 1; i <= 5; i++) {
      publisher.publish(ticksOf('S', 500));
      expect(await publisher.acknowledged(i)).toMatchObject({ credit: 1000 });
    }
  });

  it.each([
    { channelCapacity: 64, ticks: 4000 },
    { channelCapacity: 1024, ticks: 66_000 },
  ])('wait: loses nothing of three publishers at $channelCapacity places', async (given) => {
    const { channelCapacity, ticks } = given;
    const server = await serverForTest({
      server: { transport },
      processing: { channelCapacity, overflow: 'wait', partitions: 2 },
    });
    const subscriber = await subscriberForTest(server.port);
    await subscriber.subscribe(['*'], { conflateMs: 5 });
    const publishers = await Promise.all(
      ['a', 'b', 'c'].map((name) => publisherForTest(server.port, name)),
    );
    await Promise.all(
      publishers.map(async (publisher, i) => {
        publisher.declare(0, [`S${i}`, `T${i}`]);
        const own = ticksOf(`S${i}`, ticks).map((tick, at) =>
          at % 3 === 0 ? { ...tick, symbol: `T${i}` } : tick,
        );
        await publisher.publishAll(own, 512);
        expect(publisher.lastAck).toMatchObject({ accepted: ticks, rejected: 0, dropped: 0 });
        expect(publisher.of(Op.ERROR)).toEqual([]);
      }),
    );
    const totals = await settledTotals(server.port, 3 * ticks);
    expect(totals).toMatchObject({ processed: 3 * ticks, lapped: 0, dropped: 0 });
    for (let i = 0; i < 3; i++) {
      await subscriber.counted(`T${i}`, Math.ceil(ticks / 3));
      await subscriber.counted(`S${i}`, ticks - Math.ceil(ticks / 3));
    }
  });

  it('wait: keeps the order of every publisher, and every state is a real one', async () => {
    const server = await serverForTest({
      server: { transport },
      processing: { channelCapacity: 128, overflow: 'wait', partitions: 2 },
    });
    const markets = [0, 1].map((i) =>
      seededMarket({ seed: 50 + i, symbols: [`${i}-x`, `${i}-y`, `${i}-z`], ticks: 3000 }),
    );
    const oracle = new MarketOracle(markets.flat());
    const subscriber = await subscriberForTest(server.port);
    oracle.watch(subscriber);
    await subscriber.subscribe(['*']);
    await Promise.all(
      markets.map(async (market, i) => {
        const publisher = await publisherForTest(server.port, `feed-${i}`);
        await publisher.publishAll(market, 100);
      }),
    );
    await oracle.converged(subscriber);
  });

  it('wait: credits of all publishers together never exceed the free space', async () => {
    const capacity = 4096;
    const server = await serverForTest({
      server: { transport },
      processing: { channelCapacity: capacity, overflow: 'wait' },
    });
    const publishers = [];
    for (let i = 0; i < 8; i++) {
      const publisher = await publisherForTest(server.port, `feed-${i}`);
      expect(publisher.credit).toBeGreaterThan(0);
      publishers.push(publisher);
      expect(publishers.reduce((sum, { credit }) => sum + credit, 0)).toBeLessThanOrEqual(capacity);
    }
    for (let round = 0; round < 20; round++) {
      for (const publisher of publishers.slice(0, 5)) {
        publisher.publish(ticksOf('S', Math.ceil(publisher.credit / 2)));
      }
      for (const publisher of publishers) await publisher.ping();
      const known = publishers.reduce((sum, { credit }) => sum + credit, 0);
      expect(known).toBeLessThanOrEqual(capacity);
    }
    expect(publishers.flatMap((publisher) => publisher.of(Op.ERROR))).toEqual([]);
  });

  it('wait: refuses a frame beyond credit whole, and does not consume its sequence', async () => {
    const subscriber = await subscriberForTest(places64.port);
    await subscriber.subscribe(['S']);
    const publisher = await publisherForTest(places64.port, unique('feed'));
    const { credit } = publisher;
    expect(credit).toBeLessThanOrEqual(64);
    publisher.send([Op.TICKS, 1, ticksOf('S', 65).flatMap((t) => [t.symbol, t.price, t.time])]);
    const [error] = await publisher.received(Op.ERROR);
    const retryAfterMs = expect.any(Number);
    expect(error).toEqual([Op.ERROR, null, 12, expect.any(String), true, retryAfterMs]);
    expect(publisher.lastAck).toMatchObject({ sequence: 0, accepted: 0 });
    publisher.publish(ticksOf('S', credit));
    expect(await publisher.acknowledged(1)).toMatchObject({ accepted: credit, rejected: 0 });
    await subscriber.counted('S', credit);
    expect(subscriber.mirror.get('S')).toMatchObject({ count: credit, price: credit });
  });

  it('wait: publishers that idle with credit do not starve a newcomer', async () => {
    const { port } = places1024;
    const idlers = [];
    for (let i = 0; i < 4; i++) idlers.push(await publisherForTest(port, unique('idle')));
    // Turns of the loop in which idle publishers could gain more and more.
    for (let round = 0; round < 30; round++) for (const idler of idlers) await idler.ping();
    const newcomer = await publisherForTest(port, unique('new'));
    await newcomer.publishAll(ticksOf('S', 3000));
    expect(newcomer.lastAck).toMatchObject({ accepted: 3000 });
    // The idle ones' credit is still valid.
    for (const idler of idlers) {
      idler.publish(ticksOf('I', idler.credit));
      await idler.acknowledged();
      expect(idler.of(Op.ERROR)).toEqual([]);
    }
  });

  it('wait: a newcomer without credit gets some as soon as there is any', async () => {
    const server = await serverForTest({
      server: { transport },
      processing: { channelCapacity: 16, overflow: 'wait' },
    });
    const holders = [];
    for (let i = 0; i < 12; i++) holders.push(await publisherForTest(server.port, `old-${i}`));
    for (let round = 0; round < 10; round++) for (const holder of holders) await holder.ping();
    const newcomer = await publisherForTest(server.port, 'new');
    expect(newcomer.welcome.credit).toBe(0);
    for (const holder of holders) holder.close();
    await newcomer.publishAll(ticksOf('S', 500));
    expect(newcomer.lastAck).toMatchObject({ accepted: 500 });
  });

  it('wait: a publisher that waits for some credit hears when it has it', async () => {
    const publishers = [
      await publisherForTest(places64.port, unique('a')),
      await publisherForTest(places64.port, unique('b')),
    ];
    // A fifth of the queue each: less than an equal share, so it must be granted eventually.
    const batch = 12;
    await Promise.all(
      publishers.map(async (publisher, i) => {
        for (let sent = 0; sent < 200; sent++) {
          await publisher.until(() => publisher.credit >= batch, `credit for frame ${sent}`, 4000);
          publisher.publish(ticksOf(`S${i}`, batch));
        }
        expect(await publisher.acknowledged()).toMatchObject({ accepted: 200 * batch });
      }),
    );
  });

  it('wait: who resumes has credit for a whole frame, though others idle with theirs', async () => {
    const server = await serverForTest({
      server: { transport },
      processing: { channelCapacity: 8192, overflow: 'wait' },
    });
    const before = await publisherForTest(server.port, 'feed');
    before.publish(ticksOf('S', 700));
    await before.acknowledged(1);
    before.close();
    for (const name of ['first', 'second']) await publisherForTest(server.port, name);
    expect((await publisherForTest(server.port, 'new')).credit).toBe(256);
    // A frame that is sent again cannot be cut to fit.
    const after = await publisherForTest(server.port, 'feed');
    expect(after.credit).toBeGreaterThanOrEqual(700);
    after.publish(ticksOf('S', 700));
    expect(await after.acknowledged(2)).toMatchObject({ accepted: 700 });
  });

  it('wait: so has who is known from before a restart', async () => {
    const options = {
      server: { transport },
      processing: { channelCapacity: 8192, overflow: 'wait' as const },
      store: { directory: folderForTest() },
    };
    const earlier = await serverForTest(options);
    await (await publisherForTest(earlier.port, 'feed')).publishAll(ticksOf('S', 700));
    await earlier.stop();
    const { port } = await serverForTest(options);
    for (const name of ['first', 'second']) await publisherForTest(port, name);
    const after = await publisherForTest(port, 'feed');
    expect(after.welcome.sequence).toBeGreaterThan(0);
    expect(after.credit).toBe(1024);
  });

  it('wait: a little more credit is announced too, without other events', async () => {
    const server = await serverForTest({
      server: { transport },
      processing: { channelCapacity: 1024, overflow: 'wait' },
    });
    const first = await publisherForTest(server.port, 'first');
    const second = await publisherForTest(server.port, 'second');
    // A quarter of the queue is reserved for newcomers.
    expect([first.credit, second.credit]).toEqual([512, 256]);
    await first.publishAll(ticksOf('S', 40));
    expect(first.credit).toBe(472);
    // Neither doubled nor an equal share: not urgent.
    await second.until(() => second.credit === 296, 'the credit that the first one used');
  });
});
