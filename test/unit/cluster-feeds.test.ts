import { pack } from 'msgpackr';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { ReadMessage } from '../../src/cluster/bus.ts';
import { FeedFigures } from '../../src/cluster/feed-figures.ts';
import { feedMapping } from '../../src/cluster/feed-mapping.ts';
import { FEED_HEADERS, FeedReader, type FeedResult } from '../../src/cluster/feed-reader.ts';
import { ClusterNames, nameOf, shardOf, tokenOf } from '../../src/cluster/names.ts';
import { OwnedShard, type ShardParts } from '../../src/cluster/owned-shard.ts';
import { zeroCounts } from '../../src/cluster/owner-counts.ts';
import { ShardMirrors } from '../../src/cluster/shard-mirrors.ts';
import { RemoteEngine, RowValue } from '../../src/engine/index.ts';
import { fc } from '../../testkit/fast-check.ts';
import { Random } from '../../testkit/random.ts';
import { until } from '../../testkit/until.ts';
import { SimulatedBroker } from '../support/simulated-bus.ts';

const NAMES = new ClusterNames('test', 4);
const TIME = 1_700_000_000_000;
const MAX_FUTURE_MS = 5000;
/** A symbol of shard 2. */
const isOfShard2 = (symbol: string) => shardOf(symbol, NAMES.shards) === 2;
const SYMBOL = Array.from({ length: 99 }, (_, i) => `S.${i}`).find(isOfShard2) as string;
const SUBJECT = `test.t.2.${tokenOf(SYMBOL)}`;
const SETTINGS = {
  rules: {
    movingAverageWindow: 64,
    anomalyThresholdPercent: 2,
    slidingWindowMilliseconds: 1000,
    windowCapacity: 1024,
    maxFutureMs: MAX_FUTURE_MS,
  },
  symbols: 64,
  growBytes: 1_048_576,
};
const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };
const { publisher: PUBLISHER, sequence: SEQUENCE, previous: PREVIOUS } = FEED_HEADERS;

interface Sent {
  readonly value: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly subject?: string;
}

function messageOf({ value, headers = {}, subject = SUBJECT }: Sent): ReadMessage {
  const payload = value instanceof Uint8Array ? value : Buffer.from(String(value));
  const header = (name: string) => headers[name];
  return { subject, payload, sequence: 1, followed: 0, storedAt: TIME, header };
}

/** What a reader makes of a message. */
function take(reader: FeedReader, message: ReadMessage) {
  const ticks: unknown[] = [];
  const result = reader.take(message, (symbol) => ({
    apply: (price, time) => ticks.push([symbol, price, time]),
    refuse: (fault) => ticks.push(fault),
  }));
  return { result, ticks };
}

const readerOf = () => new FeedReader(NAMES, 2, MAX_FUTURE_MS);
const json = (value: unknown) => JSON.stringify(value);
const numbered = (sequence: number | string, previous?: number) => ({
  [PUBLISHER]: 'venue',
  [SEQUENCE]: String(sequence),
  ...(previous === undefined ? {} : { [PREVIOUS]: String(previous) }),
});

describe('the token of a symbol', () => {
  it('leads back to it, and no other token does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 12 }), (name) => {
        expect(nameOf(tokenOf(name))).toBe(name);
      }),
    );
    const sign = fc.constantFrom('%', '2', '5', 'E', 'e', '.', 'A', 'é', ' ', '0');
    fc.assert(
      fc.property(fc.string({ unit: sign, maxLength: 8 }), (token) => {
        const name = nameOf(token);
        if (name !== undefined) expect(tokenOf(name)).toBe(token);
      }),
    );
    for (const other of ['%41', '%2e', '%', 'a.b', 'a b', '%E9']) {
      expect([other, nameOf(other)]).toEqual([other, undefined]);
    }
  });
});

describe('a message of a feed', () => {
  const one = [SYMBOL, 1.5, TIME - 5];

  it.each([
    ['an object', json({ price: 1.5, timestamp: TIME - 5, venue: 'X', symbol: 'other' }), [one]],
    ['texts', json({ price: '1.5', timestamp: '2023-11-14T22:13:19.995Z' }), [one]],
    ['no time', json({ price: 1.5 }), [[SYMBOL, 1.5, TIME]]],
    [
      'objects',
      json([{ price: 1.5, timestamp: TIME - 5 }, { price: 2 }]),
      [one, [SYMBOL, 2, TIME]],
    ],
    ['pairs', json([1.5, TIME - 5, 2, null]), [one, [SYMBOL, 2, TIME]]],
    ['MessagePack', pack([1.5, TIME - 5, 2, null]), [one, [SYMBOL, 2, TIME]]],
    ['none', '[]', []],
    [
      'bad prices',
      json([{ price: 0 }, { price: 'x' }, {}, { price: 2 }]),
      ['bad_price', 'bad_price', 'bad_price', [SYMBOL, 2, TIME]],
    ],
    [
      'bad times',
      json([1, -1, 1, TIME + MAX_FUTURE_MS + 1, 1, TIME + MAX_FUTURE_MS, 1, 'x']),
      ['bad_time', 'bad_time', [SYMBOL, 1, TIME + MAX_FUTURE_MS], 'bad_time'],
    ],
  ])('has ticks: %s', (_name, value, ticks) => {
    expect(take(readerOf(), messageOf({ value }))).toEqual({ result: 'taken', ticks });
  });

  it.each<[FeedResult, Sent]>([
    ['empty', { value: '' }],
    ['not_json', { value: 'price' }],
    ['not_json', { value: Buffer.of(0x22, 0xff, 0x22) }],
    ['not_message_pack', { value: Buffer.of(0x93, 0xa1, 0x41) }],
    ['not_message_pack', { value: Buffer.alloc(100_000, 0x91) }],
    ['not_json', { value: '['.repeat(200_000) }],
    ['shape', { value: '7' }],
    ['shape', { value: json([1.5]) }],
    ['shape', { value: json([{}, 1, {}]) }],
    ['too_large', { value: Buffer.alloc(256 * 1024 + 1, ' ') }],
    ['symbol', { value: '{}', subject: 'test.t.2.%41' }],
    ['symbol', { value: '{}', subject: 'test.t.2.A\ufffd' }],
    ['symbol', { value: '{}', subject: 'test.t.2.%20A' }],
    ['symbol', { value: '{}', subject: 'test.t.2.%00A' }],
    ['symbol', { value: '{}', subject: `test.t.2.${'A'.repeat(33)}` }],
    ['symbol', { value: '{}', subject: `test.t.2.${'A'.repeat(100_000)}` }],
    ['shard', { value: '{}', subject: SUBJECT.replace('.2.', '.3.').replace('S', 'T') }],
    ['headers', { value: '{}', headers: { [PUBLISHER]: 'venue' } }],
    ['headers', { value: '{}', headers: { [SEQUENCE]: '1' } }],
    ['headers', { value: '{}', headers: { [PREVIOUS]: '1' } }],
    ['headers', { value: '{}', headers: numbered('') }],
    ['headers', { value: '{}', headers: numbered('1.5') }],
    ['headers', { value: '{}', headers: numbered('0') }],
    ['headers', { value: '{}', headers: numbered('9007199254740992') }],
    ['headers', { value: '{}', headers: numbered(4, 4) }],
    ['headers', { value: '{}', headers: { ...numbered(1), [PUBLISHER]: 'x'.repeat(129) } }],
  ])('is refused: %s (%#)', (result, sent) => {
    expect(take(readerOf(), messageOf(sent))).toEqual({ result, ticks: [] });
  });

  it('is refused if its headers cannot be read', () => {
    const header = () => {
      throw new Error('not a header');
    };
    expect(take(readerOf(), { ...messageOf({ value: '{}' }), header }).result).toBe('headers');
  });

  it('is refused in a shard that is not of its symbol', () => {
    const subject = SUBJECT.replace('.2.', '.1.');
    const reader = new FeedReader(NAMES, 1, MAX_FUTURE_MS);
    expect(take(reader, messageOf({ value: '{}', subject })).result).toBe('shard');
  });

  it('comes to the same whoever reads it, and never throws', () => {
    const bytes = fc.uint8Array({ maxLength: 40 }).map((each) => Buffer.from(each));
    const value = fc.oneof(
      bytes,
      bytes.map((each) => Buffer.concat([Buffer.of(0x92), each])),
      fc.json().map((text) => Buffer.from(text)),
      fc.array(fc.oneof(fc.double(), fc.constant(null)), { maxLength: 6 }).map(pack),
    );
    const header = fc.option(fc.string({ maxLength: 4 }), { nil: undefined });
    const headers = fc.record({ [PUBLISHER]: header, [SEQUENCE]: header, [PREVIOUS]: header });
    const sent = fc.record({ value, headers: headers as fc.Arbitrary<Record<string, string>> });
    fc.assert(
      fc.property(fc.array(sent, { maxLength: 8 }), (all) => {
        const [a, b] = [readerOf(), readerOf()];
        for (const each of all) {
          expect(take(a, messageOf(each))).toEqual(take(b, messageOf(each)));
        }
      }),
    );
  });
});

describe('messages with numbers', () => {
  const results = (reader: FeedReader, sent: readonly (readonly [number, number?])[]) =>
    sent.map(([sequence, previous]) => {
      const headers = numbered(sequence, previous);
      return take(reader, messageOf({ value: '{"price":1}', headers })).result;
    });

  it('count once, in their order', () => {
    expect(results(readerOf(), [[3], [3], [7], [5], [8]])).toEqual([
      'taken',
      'duplicate',
      'taken',
      'duplicate',
      'taken',
    ]);
  });

  it('that say which was before are refused behind a gap, and taken once it is filled', () => {
    const sent: [number, number?][] = [
      [1, 0],
      [3, 2],
      [2, 1],
      [3, 2],
      [2, 1],
      [4, 3],
    ];
    expect(results(readerOf(), sent)).toEqual([
      'taken',
      'gap',
      'taken',
      'taken',
      'duplicate',
      'taken',
    ]);
  });

  it('go on behind one whose content is bad', () => {
    const reader = readerOf();
    expect(take(reader, messageOf({ value: 'x', headers: numbered(1, 0) })).result).toBe(
      'not_json',
    );
    expect(
      results(reader, [
        [1, 0],
        [2, 1],
      ]),
    ).toEqual(['duplicate', 'taken']);
  });

  it('are those of a publisher and a symbol', () => {
    const reader = readerOf();
    const other = Array.from({ length: 99 }, (_, i) => `T${i}`).find(isOfShard2);
    const value = '{"price":1}';
    const headers = numbered(1);
    const all: readonly Sent[] = [
      { value, headers },
      { value, headers, subject: `test.t.2.${other}` },
      { value, headers: { ...headers, [PUBLISHER]: 'another' } },
      { value, headers },
    ];
    expect(all.map((sent) => take(reader, messageOf(sent)).result)).toEqual([
      'taken',
      'taken',
      'taken',
      'duplicate',
    ]);
  });

  it('are known to who goes on from a snapshot', () => {
    const reader = readerOf();
    results(reader, [[1], [2]]);
    const next = new FeedReader(NAMES, 2, MAX_FUTURE_MS, [...reader.last]);
    expect(results(next, [[2], [3, 2]])).toEqual(['duplicate', 'taken']);
  });
});

describe('refused messages', () => {
  it('are counted by reason; the log has one line a minute for each', () => {
    const warn = vi.fn();
    const figures = new FeedFigures({ info: () => undefined, warn, error: () => undefined });
    figures.count('shape', SUBJECT, 4);
    figures.count('shape', SUBJECT, 5);
    figures.count('duplicate', SUBJECT, 6);
    figures.refuseTick('bad_time', SUBJECT, 7);
    expect(figures.messages.get('shape')).toBe(2);
    expect(figures.messages.get('duplicate')).toBe(1);
    expect(figures.refusedTicks.get('bad_time')).toBe(1);
    expect(warn.mock.calls.map(([fields]) => fields)).toEqual([
      { subject: SUBJECT, position: 4, reason: 'shape', others: 0 },
      { subject: SUBJECT, position: 7, reason: 'bad_time', others: 0 },
    ]);
  });
});

describe('feeds in the log of a shard', () => {
  it('are folded alike by who was there and who takes over, with a snapshot or not', async () => {
    const random = new Random(5);
    const broker = new SimulatedBroker(random, { delayMs: 1 });
    const bus = broker.connect();
    for (const [name, subjects] of NAMES.tickLogs()) {
      await bus.openLog({ name, subjects, perSubjectMax: 0, ageMaxMs: 0 });
    }
    const all = { perSubjectMax: 0, ageMaxMs: 0 };
    await bus.openLog({ name: NAMES.outputLog, subjects: [NAMES.outputs], ...all });
    await bus.openLog({ name: NAMES.snapshotLog, subjects: [NAMES.snapshots], ...all });
    const counts = () => zeroCounts(new FeedFigures(QUIET));
    const lost: unknown[] = [];
    const partsOf = (owner: string): ShardParts => ({
      bus: broker.connect(),
      names: NAMES,
      settings: SETTINGS,
      counts: counts(),
      owner,
      onLost: (_shard, error) => lost.push(error),
    });
    const now = Date.now();
    let count = 0;
    let last = 0;
    const publish = (sequence: number) => {
      const bad = random.chance(0.2);
      const headers = numbered(sequence, sequence - 1);
      const ticks = [10 + random.float(), now + count, 20 + random.float(), now + count];
      const value = bad ? 'bad' : json(ticks);
      const message = { subject: SUBJECT, payload: Buffer.from(value), headers };
      for (let copies = random.between(1, 3); copies > 0; copies--) broker.store([message]);
      if (bad) return;
      count += 2;
      last = ticks[2] as number;
    };
    const rows = async (shard: OwnedShard) => {
      const engine = new RemoteEngine(64, 64);
      const mirrors = new ShardMirrors(broker.connect(), NAMES, engine, 5000);
      await mirrors.start();
      onTestFinished(() => mirrors.stop());
      await until(() => engine.symbols.findName(SYMBOL) >= 0 && shard.isCaughtUp);
      const row = new Float64Array(6);
      const read = () => {
        engine.statistics.read(engine.symbols.findName(SYMBOL), row, 0);
        return [...row];
      };
      await until(() => read()[RowValue.COUNT] === count);
      expect(read()[RowValue.PRICE]).toBe(last);
      // Compared with the owner's totals.
      shard.beat();
      await until(() => mirrors.counts.rowMessages > 0);
      expect([engine.symbols.size, mirrors.counts.mismatches]).toEqual([1, 0]);
      return read();
    };
    const [a, b, c] = ['a', 'b', 'c'].map(partsOf) as [ShardParts, ShardParts, ShardParts];
    const first = await OwnedShard.adopt(a, 2);
    // Without a valid tick, there is no symbol.
    const other = Array.from({ length: 99 }, (_, i) => `T${i}`).find(isOfShard2) as string;
    for (const value of ['[]', '{"price":0}']) {
      broker.store([{ subject: `test.t.2.${other}`, payload: Buffer.from(value) }]);
    }
    for (let i = 1; i <= 30; i++) publish(i);
    const before = await rows(first);
    await first.save();
    expect(a.counts.snapshots).toBe(1);
    for (let i = 31; i <= 40; i++) publish(i);
    first.stop();
    const second = await OwnedShard.adopt(b, 2);
    const after = await rows(second);
    expect(after[RowValue.COUNT]).toBeGreaterThan(before[RowValue.COUNT] as number);
    second.stop();
    broker.logOf(NAMES.snapshot(2)).messages.length = 0;
    const third = await OwnedShard.adopt(c, 2);
    onTestFinished(() => third.stop());
    expect(await rows(third)).toEqual(after);
    expect(c.counts.ticks).toBe(count);
    expect(c.counts.feeds.messages.get('not_json')).toBeGreaterThan(0);
    expect(c.counts.feeds.messages.get('duplicate')).toBeGreaterThan(0);
    expect(lost).toEqual([]);
  });
});

describe('the mapping of brokers', () => {
  it('names the cluster and its shards', () => {
    const text = feedMapping('market', 16);
    expect(text).toContain('"market.feed.*": "market.t.{{partition(16,1)}}.{{wildcard(1)}}"');
    expect(text).toContain('permissions: { publish: "market.t.*.BTC-USD" }');
  });
});
