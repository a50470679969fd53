import { describe, expect, it } from 'vitest';
import {
  formatTickCursor,
  parseTickCursor,
  type TickCursor,
  type TickQuery,
} from '../../src/journal/index.ts';
import { TickArchive } from '../../src/journal/tick-archive.ts';
import { fc } from '../../testkit/fast-check.ts';
import { JournalRig, MemoryDisk } from '../support/journal-rig.ts';

type Tick = readonly [id: number, price: number, time: number];

/** Frames; times go forward, and sometimes back. */
const frames = fc.array(
  fc.array(fc.tuple(fc.nat(6), fc.integer({ min: -20, max: 60 })), { maxLength: 40 }),
  { minLength: 1, maxLength: 120 },
);

/** A journal, and its ticks in order. */
function fill(all: readonly (readonly (readonly [number, number])[])[]) {
  const disk = new MemoryDisk();
  const rig = new JournalRig(disk);
  const ticks: Tick[] = [];
  let time = 1000;
  for (const frame of all) {
    const batch = frame.map(([id, step], i) => {
      time = Math.max(0, time + step);
      return [id, ticks.length + 1 + i, time] as const;
    });
    rig.frame(batch);
    ticks.push(...batch);
    rig.flush();
  }
  return { archive: new TickArchive(disk, 60_000), end: rig.appender.position, ticks };
}

/** What a query without `limit` and `after` is to give. */
function expected(ticks: readonly Tick[], { name, from, to, everyMs }: TickQuery): Tick[] {
  const wanted = ticks.filter(
    ([id, , time]) => `S${id}` === name && time >= (from ?? 0) && time < (to ?? Infinity),
  );
  if (everyMs === undefined) return wanted;
  const kept: Tick[] = [];
  for (const tick of wanted) {
    const interval = Math.floor(tick[2] / everyMs);
    const last = Math.floor((kept.at(-1)?.[2] ?? -1) / everyMs);
    if (interval > last) kept.push(tick);
    else if (interval === last) kept[kept.length - 1] = tick;
  }
  return kept;
}

const query = fc.record({
  name: fc.nat(7).map((id) => `S${id}`),
  from: fc.option(fc.integer({ min: 900, max: 6000 }), { nil: undefined }),
  to: fc.option(fc.integer({ min: 900, max: 9000 }), { nil: undefined }),
  after: fc.constant(undefined),
  limit: fc.integer({ min: 1, max: 40 }),
  everyMs: fc.option(fc.integer({ min: 1, max: 300 }), { nil: undefined }),
});

const prices = (ticks: readonly Tick[]) => ticks.map(([, price]) => price);

describe('past ticks of a symbol', () => {
  it('come in pages that together are all of them, each once', () => {
    fc.assert(
      fc.property(frames, query, (all, given) => {
        const { archive, end, ticks } = fill(all);
        const wanted = { ...given, from: given.from ?? 0 };
        const got: number[] = [];
        let after: TickCursor | undefined;
        do {
          const page = archive.page({ ...wanted, after }, end);
          expect(page.prices.length).toBeLessThanOrEqual(given.limit);
          got.push(...page.prices);
          after = page.next && parseTickCursor(formatTickCursor(page.next));
        } while (after !== undefined);
        expect(got).toEqual(prices(expected(ticks, wanted)));
      }),
      { numRuns: 200 },
    );
  });

  it('have a newest page', () => {
    fc.assert(
      fc.property(frames, query, (all, given) => {
        const { archive, end, ticks } = fill(all);
        const wanted = { ...given, from: undefined };
        const last = expected(ticks, wanted).slice(-given.limit);
        // A second time it knows where to look.
        for (const page of [archive.page(wanted, end), archive.page(wanted, end)]) {
          expect(page.next).toBeUndefined();
          if (given.everyMs === undefined) expect([...page.prices]).toEqual(prices(last));
          else expect(page.prices.at(-1)).toBe(prices(last).at(-1));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('end a page early where looking takes too long', () => {
    const { end, ticks } = fill(
      Array.from({ length: 400 }, () => [[1, 1] as const, [2, 1] as const]),
    );
    const { archive } = fill([]);
    expect(archive.page({ ...BASE, name: 'S1' }, 0).prices).toHaveLength(0);
    const disk = new MemoryDisk();
    const rig = new JournalRig(disk);
    for (const tick of ticks) {
      rig.frame([tick]);
      rig.flush();
    }
    const hasty = new TickArchive(disk, 60_000, -1);
    const page = hasty.page({ ...BASE, from: 0, name: 'S1' }, rig.appender.position);
    expect(page.prices).toHaveLength(0);
    expect(page.next).toEqual({ position: 0, index: 0, interval: -1 });
    expect(end).toBeGreaterThan(0);
  });

  it('have cursors that no other text is taken for', () => {
    const cursor = { position: 123_456_789_012_344, index: 4095, interval: -1 };
    expect(parseTickCursor(formatTickCursor(cursor))).toEqual(cursor);
    for (const text of [
      '',
      '1',
      '1.2',
      '1.2.3.4',
      '1.2.-2',
      '-1.2.3',
      'A.1.1',
      '1.1.zzzzzzzzzzzzz',
    ]) {
      expect(parseTickCursor(text)).toBeUndefined();
    }
  });
});

const BASE = {
  name: '',
  from: undefined,
  to: undefined,
  after: undefined,
  limit: 10,
  everyMs: undefined,
};
