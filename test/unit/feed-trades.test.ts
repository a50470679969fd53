import { describe, expect, it } from 'vitest';
import { FeedCounts } from '../../feeds/feed-counts.ts';
import { createTradeIds } from '../../feeds/trades/trade-ids.ts';
import { TradePath } from '../../feeds/trades/trade-path.ts';
import type { Trade } from '../../feeds/venue.ts';
import { fc } from '../../testkit/fast-check.ts';
import { RecordingPublisher } from '../support/feed-rig.ts';

const RISING = { ids: 'rising', gapsCount: true } as const;
const NOW = 1_800_000_000_000;

function trade(id: Trade['id'], more: Partial<Trade> = {}): Trade {
  const at = typeof id === 'number' ? id : 0;
  return { symbol: 'A', id, price: 1 + at, time: NOW - 1_000_000 + at, ...more };
}

function pathOf(venue: Parameters<typeof createTradeIds>[0] = RISING) {
  const counts = new FeedCounts();
  const publisher = new RecordingPublisher();
  const restarted: string[] = [];
  const unlisted: string[] = [];
  const path = new TradePath(publisher, venue, new Map([['A', 'V:A']]), counts, {
    blocked: () => {},
    unblocked: () => {},
    idsRestarted: (symbol) => void restarted.push(symbol),
    unlisted: (symbol) => void unlisted.push(symbol),
  });
  return { counts, publisher, path, restarted, unlisted };
}

describe('trades by their ids', () => {
  it('are published once each, and missed are those that never came', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(60), { minLength: 1, maxLength: 80 }),
        fc.array(fc.nat(4), { minLength: 1, maxLength: 80 }),
        (starts, lengths) => {
          const { counts, publisher, path } = pathOf();
          const [sent, taken]: [Set<number>, number[]] = [new Set(), []];
          let [last, missed] = [-1, 0];
          for (const [at, start] of starts.entries()) {
            // Messages overlap, repeat and jump; within one, ids come in reverse.
            const from = start + at;
            const length = (lengths[at % lengths.length] ?? 0) + 1;
            const ids = Array.from({ length }, (_, i) => from + i);
            path.take(
              ids.toReversed().map((id) => trade(id)),
              NOW,
            );
            for (const id of ids) {
              if (id <= last) continue;
              if (last >= 0) missed += id - last - 1;
              last = id;
              sent.add(id);
              taken.push(id);
            }
          }
          expect(publisher.ticks.map(({ price }) => price - 1)).toEqual(taken);
          expect(counts.missed).toBe(missed);
          expect(counts.trades.published).toBe(sent.size);
        },
      ),
    );
  });

  it('that are merged are not missed', () => {
    const { counts, path } = pathOf();
    path.take([trade(10)], NOW);
    path.take([trade(15, { ids: 5 })], NOW);
    path.take([trade(20, { ids: 3 })], NOW);
    expect(counts.missed).toBe(2);
  });

  it('that set no price count, and are not published', () => {
    const { counts, path, publisher } = pathOf();
    path.take([trade(1), trade(2, { excluded: true }), trade(3)], NOW);
    expect(publisher.ticks.map(({ price }) => price)).toEqual([2, 4]);
    expect(counts).toMatchObject({ missed: 0, trades: { excluded: 1 } });
  });

  it.each([
    ['text beyond 2^53', (id: number) => String(9_007_199_254_740_990n + BigInt(id))],
    ['bigint', (id: number) => 9_007_199_254_740_990n + BigInt(id)],
    ['short text', (id: number) => String(id)],
  ])('may be %s', (_name, idOf) => {
    const { counts, path } = pathOf();
    for (const id of [1, 2, 3, 5, 4, 5, 6]) path.take([trade(idOf(id), { time: NOW })], NOW);
    expect(counts).toMatchObject({ missed: 1, trades: { published: 5, duplicate: 2 } });
  });

  it('that start again are taken, once their times say so', () => {
    const { counts, path, restarted } = pathOf();
    path.take([trade(1000, { time: NOW - 200_000 })], NOW);
    path.take([trade(5, { time: NOW - 190_000 })], NOW);
    expect(counts.trades.duplicate).toBe(1);
    path.take([trade(6, { time: NOW - 100_000 })], NOW);
    path.take([trade(7, { time: NOW - 99_000 })], NOW);
    expect(counts).toMatchObject({ missed: 0, trades: { published: 3 } });
    expect(restarted).toEqual(['A']);
  });

  it('are not taken to start again by a time that cannot be', () => {
    const { counts, path } = pathOf();
    path.take([trade(10, { time: -62_135_596_800_000 })], NOW - 1_000_000);
    path.take([trade(10, { time: -62_135_596_800_000 })], NOW);
    path.take([trade(9, { time: Number.NaN })], NOW);
    expect(counts.trades).toMatchObject({ published: 1, duplicate: 2 });
  });

  it('that do not rise are remembered, a bounded number of each symbol', () => {
    const ids = createTradeIds({ ids: 'unique', gapsCount: false });
    const isKnown = (id: number) => ids.note(trade(`u${id}`), NOW).isKnown;
    for (let id = 0; id < 10_000; id += 1) expect(isKnown(id)).toBe(false);
    for (let id = 9_999; id >= 10_000 - 2048; id -= 1) expect(isKnown(id)).toBe(true);
    expect(isKnown(0)).toBe(false);
  });
});

describe('trades by their times', () => {
  it('are published in the order of time, however their ids lie', () => {
    const { counts, path, publisher } = pathOf();
    path.take([trade(3, { time: NOW - 3 }), trade(4, { time: NOW - 5 })], NOW);
    expect(publisher.ticks.map(({ time }) => time)).toEqual([NOW - 5, NOW - 3]);
    expect(counts.missed).toBe(0);
  });

  it('of one time stay as they were sent, where ids do not rise', () => {
    const { path, publisher } = pathOf({ ids: 'unique', gapsCount: false });
    const at = { time: NOW - 5 };
    path.take([trade(9, at), trade(2, at), trade(5, { time: NOW - 6 })], NOW);
    expect(publisher.ticks.map(({ price }) => price - 1)).toEqual([5, 9, 2]);
  });

  it('without an id are published, and counted', () => {
    const { counts, path } = pathOf();
    for (let i = 0; i < 2; i += 1) path.take([trade(undefined)], NOW);
    expect(counts).toMatchObject({ withoutId: 2, missed: 0, trades: { published: 2 } });
  });

  it.each([
    [0, true],
    [-1, true],
    [Number.NaN, true],
    [NOW + 5001, true],
    [NOW + 5000, false],
    [NOW - 86_400_000 * 3650, false],
    [0.5, false],
    [NOW - 0.123, false],
  ])('%d is replaced: %s', (time, isReplaced) => {
    const { counts, path, publisher } = pathOf();
    path.take([trade(1, { time })], NOW);
    expect(publisher.ticks[0]?.time).toBe(isReplaced ? NOW : time);
    expect(counts.timesReplaced).toBe(isReplaced ? 1 : 0);
  });

  it('without a price are counted and not published', () => {
    const { counts, path, publisher, unlisted } = pathOf();
    for (const price of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      path.take([trade(undefined, { price })], NOW);
    }
    path.take([trade(1, { symbol: 'B' })], NOW);
    expect(publisher.ticks).toEqual([]);
    expect(counts.trades).toMatchObject({ invalid: 4, unlisted: 1 });
    expect(unlisted).toEqual(['B']);
  });
});

describe('trades without room', () => {
  it('wait, keep their order, and are dropped and counted at the end', async () => {
    const { counts, path, publisher } = pathOf();
    publisher.makeRoom(2);
    for (let id = 1; id <= 10; id += 1) path.take([trade(id)], NOW);
    expect(publisher.ticks.length).toBe(2);
    expect(path.waiting).toBe(8);
    publisher.makeRoom(5);
    await Promise.resolve();
    await Promise.resolve();
    expect(publisher.ticks.map(({ price }) => price)).toEqual([2, 3, 4, 5, 6, 7, 8]);
    path.end();
    expect(counts.trades).toMatchObject({ published: 7, dropped: 3 });
  });
});
