import { describe, expect, it } from 'vitest';
import { LogJournal } from '../../src/cluster/log-journal.ts';
import { ClusterNames, shardOf, tokenOf } from '../../src/cluster/names.ts';
import { PublisherLedger } from '../../src/cluster/publisher-ledger.ts';
import { SegmentBatch, SegmentReader } from '../../src/cluster/segments.ts';
import { TickBatch } from '../../src/protocol/index.ts';
import { Random } from '../../testkit/random.ts';
import { until } from '../../testkit/until.ts';
import { acceptedPrices } from '../support/accepted-prices.ts';
import { SimulatedBroker } from '../support/simulated-bus.ts';

const SHARDS = 4;
/** Prices of a frame begin at its number times this. */
const FRAME_PRICES = 100_000;
const NAMES = new ClusterNames('test', SHARDS);
const SYMBOLS = Array.from({ length: 12 }, (_, i) => `S-${i}`);

/** An edge's way into the logs, without the gateway. */
async function edgeOf(broker: SimulatedBroker, id: string) {
  const bus = broker.connect();
  for (const [name, subjects] of NAMES.tickLogs()) {
    await bus.openLog({ name, subjects, perSubjectMax: 0, ageMaxMs: 0 });
  }
  const ledger = new PublisherLedger(id, await bus.openKeys(NAMES.keys('ledger'), 0));
  const journal = new LogJournal({
    bus,
    names: NAMES,
    ledger,
    edge: id,
    symbolName: (symbolId) => SYMBOLS[symbolId] as string,
    publisherName: (publisherId) => `feed-${publisherId}`,
  });
  return { bus, journal, ledger };
}

/**
 * Appends a frame of `count` ticks of random symbols; each price says which tick it is. Those that
 * the edge refuses are left out.
 */
function frameOf(
  journal: LogJournal,
  random: Random,
  publisherId: number,
  sequence: number,
  count = random.between(0, 20),
  isRefused = (_price: number): boolean => false,
): void {
  const batch = new TickBatch();
  batch.start(sequence, count);
  journal.begin(count);
  for (let i = 0; i < count; i++) {
    const price = sequence * FRAME_PRICES + i + 1;
    batch.prices[i] = price;
    batch.times[i] = i;
    if (isRefused(price)) continue;
    journal.add(new Random(sequence * 100 + i).below(SYMBOLS.length), batch, i);
  }
  expect(journal.append(publisherId, batch)).toBe(true);
}

/** What the ledger has of a publisher. */
interface Settled {
  readonly sequence: number;
}

/** Prices of frames of these many ticks, numbered from 1, in a shard. */
function expectedIn(shard: number, sizes: readonly number[]): number[] {
  return sizes.flatMap((size, frame) => {
    const ticks = Array.from({ length: size }, (_, i) => i).filter((i) => {
      const symbol = new Random((frame + 1) * 100 + i).below(SYMBOLS.length);
      return shardOf(SYMBOLS[symbol] as string, SHARDS) === shard;
    });
    return ticks.map((i) => (frame + 1) * FRAME_PRICES + i + 1);
  });
}

describe('names', () => {
  it('encode what a subject cannot have, and spread symbols', () => {
    expect(tokenOf('BTC/USD')).toBe('BTC/USD');
    expect(tokenOf('a.b c*>%\u0001é')).toBe('a%2Eb%20c%2A%3E%25%01é');
    const shards = SYMBOLS.map((symbol) => shardOf(symbol, 256));
    expect(new Set(shards).size).toBeGreaterThan(10);
    // FNV-1a of "a" is 0xe40c292c.
    expect(shardOf('a', 256)).toBe(0x2c);
  });
});

describe('segments', () => {
  it('are read as they were written', () => {
    const batch = new SegmentBatch();
    batch.begin('feed', { frame: 7, part: 1 }, { frame: 7, part: 0 }, 12.5);
    batch.add('BTC-USD', 1.25, 100);
    batch.add('ÄÖ', 2.5, 101);
    batch.add('BTC-USD', 3.75, 102);
    batch.begin('other', { frame: 1, part: 0 }, { frame: 0, part: 0 }, 13);
    const reader = new SegmentReader(batch.take());
    expect(batch.isEmpty).toBe(true);
    const text = reader.symbols.map((name) => new TextDecoder().decode(name));
    expect(text).toEqual(['BTC-USD', 'ÄÖ']);
    expect(reader.next()).toEqual({
      publisher: 'feed',
      place: { frame: 7, part: 1 },
      previous: { frame: 7, part: 0 },
      receivedAt: 12.5,
      ticks: 3,
    });
    const ticks: unknown[] = [];
    reader.forEachTick((...tick) => ticks.push(tick));
    expect(ticks).toEqual([
      [0, 1.25, 100],
      [1, 2.5, 101],
      [0, 3.75, 102],
    ]);
    expect(reader.next()).toMatchObject({ publisher: 'other', ticks: 0 });
    expect(reader.next()).toBeUndefined();
  });

  it('refuses a message that is cut off, or of another version', () => {
    const batch = new SegmentBatch();
    batch.begin('feed', { frame: 1, part: 0 }, { frame: 0, part: 0 }, 0);
    batch.add('BTC-USD', 1, 1);
    const message = batch.take();
    const cut = new SegmentReader(message.subarray(0, message.length - 1));
    expect(() => cut.next()).toThrow(/cut off/);
    message[0] = 9;
    expect(() => new SegmentReader(message)).toThrow(/version 9, expected 1/);
  });
});

describe('the log of ticks', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'has each tick once, in order, whatever fails (seed %i)',
    async (seed) => {
      const random = new Random(seed);
      const broker = new SimulatedBroker(random, {
        lost: 0.1,
        unanswered: 0.1,
        belated: 0.05,
        delayMs: 3,
      });
      const { journal, ledger } = await edgeOf(broker, 'edge-a');
      const frames = 120;
      for (const publisher of [1, 2]) await ledger.claim(`feed-${publisher}`);
      const sizes = new Map<number, number[]>([
        [1, []],
        [2, []],
      ]);
      for (let sequence = 1; sequence <= frames; sequence++) {
        for (const publisher of [1, 2]) {
          const size = random.between(0, 20);
          sizes.get(publisher)?.push(size);
          frameOf(journal, random, publisher, sequence, size);
        }
        if (random.chance(0.3)) await broker.pause();
      }
      await until(() => journal.syncedPosition === journal.position);
      broker.faults = {};
      // What was to be stored later is.
      await new Promise((resolve) => setTimeout(resolve, 80));
      const found = acceptedPrices(broker, NAMES);
      for (const [publisher, of] of sizes) {
        for (let shard = 0; shard < SHARDS; shard++) {
          expect(found.get(`feed-${publisher} ${shard}`) ?? []).toEqual(expectedIn(shard, of));
        }
      }
      expect(journal.counts.resends).toBeGreaterThan(0);
      expect(journal.counts.bytes).toBe(0);
      expect(journal.waitingTicks).toBe(0);
    },
  );

  it.each([1, 2, 3])(
    'has each tick once, in order, with several messages under way (seed %i)',
    async (seed) => {
      const random = new Random(seed);
      const broker = new SimulatedBroker(random, { lost: 0.1, unanswered: 0.1, delayMs: 3 });
      const { journal, ledger } = await edgeOf(broker, 'edge-a');
      await ledger.claim('feed-1');
      // A frame is more than a message waits for in each of the shards.
      const sizes = Array.from({ length: 12 }, () => 5000);
      for (const [frame, size] of sizes.entries()) {
        frameOf(journal, random, 1, frame + 1, size);
        await broker.pause();
      }
      await until(() => journal.syncedPosition === journal.position);
      const found = acceptedPrices(broker, NAMES);
      for (let shard = 0; shard < SHARDS; shard++) {
        expect(found.get(`feed-1 ${shard}`)).toEqual(expectedIn(shard, sizes));
      }
      expect(journal.counts.resends).toBeGreaterThan(0);
    },
  );

  it('has what a reader takes that has forgotten the publisher', async () => {
    const broker = new SimulatedBroker(new Random(1), { delayMs: 2 });
    const { journal, ledger } = await edgeOf(broker, 'edge-a');
    await ledger.claim('feed-1');
    for (const sequence of [1, 2]) frameOf(journal, new Random(1), 1, sequence, 20);
    await until(() => journal.syncedPosition === 2);
    for (const log of broker.logs.values()) log.messages = [];
    for (const sequence of [3, 4]) frameOf(journal, new Random(1), 1, sequence, 20);
    await until(() => journal.syncedPosition === 4);
    const found = acceptedPrices(broker, NAMES);
    for (let shard = 0; shard < SHARDS; shard++) {
      expect(found.get(`feed-1 ${shard}`)).toEqual(expectedIn(shard, [0, 0, 20, 20]));
    }
  });

  it('has a frame synced no sooner than the ledger has it', async () => {
    const broker = new SimulatedBroker(new Random(1), { delayMs: 2 });
    const { journal, ledger } = await edgeOf(broker, 'edge-a');
    await ledger.claim('feed-1');
    const early: number[] = [];
    journal.listen((synced) => {
      const [entry] = [...(broker.keys.get('test_ledger')?.values() ?? [])];
      const { sequence } = JSON.parse(new TextDecoder().decode(entry?.value)) as Settled;
      if (synced > sequence) early.push(synced);
    });
    for (let sequence = 1; sequence <= 20; sequence++) {
      frameOf(journal, new Random(1), 1, sequence, 9);
      await broker.pause();
    }
    await until(() => journal.syncedPosition === 20);
    expect(early).toEqual([]);
  });

  it('divides a frame that is larger than a message', async () => {
    const broker = new SimulatedBroker(new Random(1));
    const { journal, ledger } = await edgeOf(broker, 'edge-a');
    await ledger.claim('feed-1');
    const count = 60_000;
    frameOf(journal, new Random(1), 1, 1, count);
    frameOf(journal, new Random(1), 1, 2, 3);
    await until(() => journal.syncedPosition === 2);
    const prices = [...acceptedPrices(broker, NAMES).values()].flat();
    expect(prices).toHaveLength(count + 3);
    for (const { messages } of broker.logs.values()) {
      for (const { payload } of messages) expect(payload.length).toBeLessThan(600_000);
    }
  });

  it.each([0, 1, 2, 4, 7])(
    'has a frame once that an edge wrote in part, and another again (%i messages stored)',
    async (stored) => {
      const broker = new SimulatedBroker(new Random(1));
      const a = await edgeOf(broker, 'edge-a');
      const b = await edgeOf(broker, 'edge-b');
      await a.ledger.claim('feed-1');
      const sizes = [1700, 9000, 60_000, 20_000];
      // They do not judge alike: a tick may be too far ahead for the first.
      const isRefused = (price: number) => price % FRAME_PRICES < 900 && price % 3 === 0;
      // The broker stops amid what has collected meanwhile: these are cut elsewhere than at B.
      const store = broker.store.bind(broker);
      let left = stored;
      broker.store = (messages, expected) => {
        if (left-- <= 0) throw new Error('lost');
        return store(messages, expected);
      };
      sizes.forEach((size, i) => {
        frameOf(a.journal, new Random(1), 1, i + 1, size, isRefused);
      });
      await until(() => left < 0);
      a.journal.stop();
      a.bus.isConnected = false;
      broker.store = store;
      const claimed = await b.ledger.claim('feed-1');
      for (let sequence = claimed.sequence + 1; sequence <= sizes.length; sequence++) {
        // Not the first at B.
        frameOf(b.journal, new Random(1), 2, sequence, 100);
        frameOf(b.journal, new Random(1), 1, sequence, sizes[sequence - 1]);
      }
      await until(() => b.journal.syncedPosition === b.journal.position);
      const found = acceptedPrices(broker, NAMES);
      for (let shard = 0; shard < SHARDS; shard++) {
        const taken = found.get(`feed-1 ${shard}`) ?? [];
        expect(new Set(taken).size).toBe(taken.length);
        const isSure = (price: number) => !isRefused(price);
        expect(taken.filter(isSure)).toEqual(expectedIn(shard, sizes).filter(isSure));
      }
    },
  );

  it('refuses frames beyond its bound, and takes them later', async () => {
    const broker = new SimulatedBroker(new Random(1));
    const { bus, journal } = await edgeOf(broker, 'edge-a');
    bus.isConnected = false;
    const free = journal.freeTicks();
    for (let sent = 0; sent + 60_000 <= free; sent += 60_000) {
      frameOf(journal, new Random(1), 0, 0, 60_000);
    }
    const batch = new TickBatch();
    batch.start(0, 60_000);
    journal.begin(60_000);
    for (let i = 0; i < 60_000; i++) journal.add(0, batch, i);
    expect(journal.append(0, batch)).toBe(false);
    bus.isConnected = true;
    await until(() => journal.freeTicks() === free);
    expect(journal.append(0, batch)).toBe(true);
    journal.stop();
  });

  it('counts a frame once that two edges write, and tells the one that lost it', async () => {
    const broker = new SimulatedBroker(new Random(7), { delayMs: 2 });
    const a = await edgeOf(broker, 'edge-a');
    const b = await edgeOf(broker, 'edge-b');
    const lost: string[] = [];
    a.ledger.onLost = (name) => lost.push(name);
    expect(await a.ledger.claim('feed-1')).toEqual({ sequence: 0, isContinued: false });
    const random = new Random(1);
    for (let sequence = 1; sequence <= 5; sequence++) frameOf(a.journal, random, 1, sequence, 8);
    await until(() => a.journal.syncedPosition === 5);
    // These are in the logs, or on their way, when the publisher comes back elsewhere.
    for (let sequence = 6; sequence <= 8; sequence++) frameOf(a.journal, random, 1, sequence, 8);
    const claimed = await b.ledger.claim('feed-1');
    expect(claimed.isContinued).toBe(false);
    expect(claimed.sequence).toBeGreaterThanOrEqual(5);
    for (let sequence = claimed.sequence + 1; sequence <= 10; sequence++) {
      frameOf(b.journal, random, 1, sequence, 8);
    }
    await until(() => b.journal.syncedPosition === b.journal.position);
    await until(() => a.journal.syncedPosition === a.journal.position);
    if (claimed.sequence < 8) expect(lost).toEqual(['feed-1']);
    const prices = [...acceptedPrices(broker, NAMES).values()].flat();
    expect(prices).toHaveLength(80);
    expect(new Set(prices).size).toBe(80);
    expect((await a.ledger.claim('feed-1')).sequence).toBe(10);
  });

  it.each([1, 2, 3, 4, 5])(
    'is done with all frames of publishers that come and go between edges (seed %i)',
    async (seed) => {
      const random = new Random(seed);
      const broker = new SimulatedBroker(random, { lost: 0.05, unanswered: 0.05, delayMs: 4 });
      const edges = [await edgeOf(broker, 'edge-a'), await edgeOf(broker, 'edge-b')];
      const publishers = [1, 2, 3, 4, 5, 6];
      const sizes = Array.from({ length: 400 }, () => random.between(0, 8));
      for (let round = 0; round < 300; round++) {
        const { journal, ledger } = random.pick(edges);
        const publisher = random.pick(publishers);
        const claimed = await ledger.claim(`feed-${publisher}`);
        // As the registry does: who was here all the time goes on behind what was accepted.
        if (claimed.isContinued) continue;
        const last = Math.min(sizes.length, claimed.sequence + random.pick([0, 0, 6]));
        for (let frame = claimed.sequence + 1; frame <= last; frame++) {
          frameOf(journal, random, publisher, frame, sizes[frame - 1]);
        }
        if (random.chance(0.5)) await broker.pause();
      }
      for (const { journal } of edges) {
        await until(() => journal.syncedPosition === journal.position, 'all is synced', 5000);
      }
      const found = acceptedPrices(broker, NAMES);
      for (const publisher of publishers) {
        const { sequence } = await random.pick(edges).ledger.claim(`feed-${publisher}`);
        for (let shard = 0; shard < SHARDS; shard++) {
          const taken = found.get(`feed-${publisher} ${shard}`) ?? [];
          const settled = expectedIn(shard, sizes.slice(0, sequence));
          expect(taken.slice(0, settled.length)).toEqual(settled);
          expect(expectedIn(shard, sizes).slice(0, taken.length)).toEqual(taken);
        }
      }
    },
  );
});
