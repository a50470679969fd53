import { describe, expect, it } from 'vitest';
import { AcceptRule } from '../../src/cluster/accept-rule.ts';
import { LogJournal } from '../../src/cluster/log-journal.ts';
import { ClusterNames, shardOf, tokenOf } from '../../src/cluster/names.ts';
import { PublisherLedger } from '../../src/cluster/publisher-ledger.ts';
import { SegmentBatch, SegmentReader } from '../../src/cluster/segments.ts';
import { TickBatch } from '../../src/protocol/index.ts';
import { Random } from '../../testkit/random.ts';
import { until } from '../../testkit/until.ts';
import { SimulatedBroker } from '../support/simulated-bus.ts';

const SHARDS = 4;
const SYMBOLS = Array.from({ length: 12 }, (_, i) => `S-${i}`);

/** An edge's way into the logs, without the gateway. */
async function edgeOf(broker: SimulatedBroker, id: string) {
  const bus = broker.connect();
  const names = new ClusterNames('test', SHARDS);
  for (const [name, subjects] of names.tickLogs()) {
    await bus.openLog({ name, subjects, perSubjectMax: 0, ageMaxMs: 0 });
  }
  const ledger = new PublisherLedger(id, await bus.openKeys(names.keys('ledger'), 0));
  const journal = new LogJournal({
    bus,
    names,
    ledger,
    edge: id,
    symbolName: (symbolId) => SYMBOLS[symbolId] as string,
    publisherName: (publisherId) => `feed-${publisherId}`,
  });
  return { bus, journal, ledger };
}

/** Appends a frame of `count` ticks of random symbols; each price says which tick it is. */
function frameOf(
  journal: LogJournal,
  random: Random,
  publisherId: number,
  sequence: number,
  count = random.between(0, 20),
): void {
  const batch = new TickBatch();
  batch.start(sequence, count);
  journal.begin(count);
  for (let i = 0; i < count; i++) {
    batch.prices[i] = sequence * 1000 + i + 1;
    batch.times[i] = i;
    journal.add(new Random(sequence * 100 + i).below(SYMBOLS.length), batch, i);
  }
  expect(journal.append(publisherId, batch)).toBe(true);
}

/** What the accept rule leaves of the logs: prices by publisher and shard, in order. */
function accepted(broker: SimulatedBroker): Map<string, number[]> {
  const found = new Map<string, number[]>();
  const names = new ClusterNames('test', SHARDS);
  for (let shard = 0; shard < SHARDS; shard++) {
    const rule = new AcceptRule();
    const log = broker.logOf(names.ticks(shard));
    for (const { payload, subject } of log.messages) {
      if (subject !== names.ticks(shard)) continue;
      const reader = new SegmentReader(payload);
      for (let segment = reader.next(); segment !== undefined; segment = reader.next()) {
        if (rule.take(segment) !== undefined) continue;
        const key = `${segment.publisher} ${shard}`;
        const prices = found.get(key) ?? [];
        reader.forEachTick((_symbol, price) => prices.push(price));
        found.set(key, prices);
      }
    }
  }
  return found;
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
    return ticks.map((i) => (frame + 1) * 1000 + i + 1);
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
      const found = accepted(broker);
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
      const found = accepted(broker);
      for (let shard = 0; shard < SHARDS; shard++) {
        expect(found.get(`feed-1 ${shard}`)).toEqual(expectedIn(shard, sizes));
      }
      expect(journal.counts.resends).toBeGreaterThan(0);
    },
  );

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
    const prices = [...accepted(broker).values()].flat();
    expect(prices).toHaveLength(count + 3);
    for (const { messages } of broker.logs.values()) {
      for (const { payload } of messages) expect(payload.length).toBeLessThan(600_000);
    }
  });

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
    const prices = [...accepted(broker).values()].flat();
    expect(prices).toHaveLength(80);
    expect(new Set(prices).size).toBe(80);
    expect((await a.ledger.claim('feed-1')).sequence).toBe(10);
  });
});
