import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_LINK } from '../../src/gateway/subscriptions/link-index.ts';
import { LinkPool } from '../../src/gateway/subscriptions/link-pool.ts';
import { LinkTable } from '../../src/gateway/subscriptions/link-table.ts';

const TABLES = 3;

type Step =
  | {
      readonly kind: 'add' | 'markStats' | 'markAnomalies';
      readonly table: number;
      readonly symbolId: number;
    }
  | { readonly kind: 'takeStats' | 'takeAnomalies'; readonly table: number }
  | { readonly kind: 'remove'; readonly table: number; readonly symbolIds: readonly number[] };

const table = fc.nat({ max: TABLES - 1 });
/** Ids of symbols that exist, and of awaited ones. */
const symbolId = fc.integer({ min: -4, max: 12 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('add' as const), table, symbolId }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('markStats' as const, 'markAnomalies' as const),
      table,
      symbolId,
    }),
  },
  fc.record({ kind: fc.constantFrom('takeStats' as const, 'takeAnomalies' as const), table }),
  fc.record({
    kind: fc.constant('remove' as const),
    table,
    symbolIds: fc.uniqueArray(symbolId, { maxLength: 8 }),
  }),
);

/** A session's links by symbol id, and its queues as plain arrays. */
class NaiveTable {
  readonly ids = new Set<number>();
  stats: number[] = [];
  anomalies: number[] = [];

  remove(symbolIds: readonly number[]): void {
    for (const id of symbolIds) this.ids.delete(id);
    this.stats = this.stats.filter((id) => this.ids.has(id));
    this.anomalies = this.anomalies.filter((id) => this.ids.has(id));
  }
}

function mark(queue: number[], id: number): boolean {
  if (queue.includes(id)) return false;
  queue.push(id);
  return true;
}

function run(step: Step, links: LinkTable, naive: NaiveTable): void {
  const symbolOf = (link: number) => links.symbolIds[link];
  if (step.kind === 'takeStats') {
    if (naive.stats.length > 0) expect(symbolOf(links.takeStats())).toBe(naive.stats.shift());
  } else if (step.kind === 'takeAnomalies') {
    if (naive.anomalies.length === 0) return;
    expect(symbolOf(links.takeAnomalies())).toBe(naive.anomalies.shift());
  } else if (step.kind === 'remove') {
    for (const id of step.symbolIds) if (naive.ids.has(id)) links.remove(links.find(id));
    links.sweep();
    naive.remove(step.symbolIds);
  } else if ('symbolId' in step) {
    const { kind, symbolId } = step;
    const isLinked = naive.ids.has(symbolId);
    if (kind === 'add' && !isLinked) {
      expect(links.name(links.add(symbolId))).toBe(true);
      naive.ids.add(symbolId);
    } else if (kind === 'markStats' && isLinked) {
      expect(links.markStats(links.find(symbolId))).toBe(mark(naive.stats, symbolId));
    } else if (kind === 'markAnomalies' && isLinked) {
      expect(links.markAnomalies(links.find(symbolId))).toBe(mark(naive.anomalies, symbolId));
    }
  }
}

function expectSame(links: LinkTable, naive: NaiveTable): void {
  for (let id = -4; id <= 12; id++) {
    expect(links.find(id) !== NO_LINK).toBe(naive.ids.has(id));
  }
  const ids = links.all().map((link) => links.symbolIds[link] as number);
  expect(new Set(ids)).toEqual(naive.ids);
  expect(ids.length).toBe(naive.ids.size);
  expect(links.bySymbolId().map((link) => links.symbolIds[link])).toEqual(
    ids.filter((id) => id >= 0).sort((a, b) => a - b),
  );
  expect(links.statsPending).toBe(naive.stats.length);
  expect(links.anomaliesPending).toBe(naive.anomalies.length);
}

describe('LinkTable', () => {
  it('serves whoever waits longest first, as a table and queues for each session would', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const pool = new LinkPool(4);
        const tables = Array.from({ length: TABLES }, (_, owner) => new LinkTable(pool, owner));
        const naives = tables.map(() => new NaiveTable());
        for (const step of steps) {
          run(step, tables[step.table] as LinkTable, naives[step.table] as NaiveTable);
        }
        for (const links of tables) expectSame(links, naives[links.owner] as NaiveTable);
        expect(pool.size).toBe(naives.reduce((sum, { ids }) => sum + ids.size, 0));
      }),
      { numRuns: 500 },
    );
  });

  it('finds each of many links, of many sessions, while they come and go', () => {
    const pool = new LinkPool(4);
    const tables = Array.from({ length: 100 }, (_, owner) => new LinkTable(pool, owner));
    for (const links of tables) for (let id = 0; id < 100; id++) links.add(id);
    for (const links of tables) {
      for (let id = links.owner % 2; id < 100; id += 2) links.remove(links.find(id));
      links.sweep();
    }
    expect(pool.size).toBe(5000);
    for (const links of tables) {
      for (let id = 0; id < 100; id++) {
        const link = links.find(id);
        expect(link === NO_LINK).toBe(id % 2 === links.owner % 2);
        if (link !== NO_LINK) {
          expect([links.symbolIds[link], pool.owners[link]]).toEqual([id, links.owner]);
        }
      }
    }
  });
});
