import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CursorError, openStore, type Store } from '../../src/store/index.ts';
import { NaiveAnomalies } from '../support/naive-anomalies.ts';
import { anomalyOf, StoreFolder, StoreLines } from '../support/store-folder.ts';

const DAY_MS = 86_400_000;
/** One a prefix of another, one beyond ASCII, one with bytes that sort unlike UTF-16. */
const SYMBOLS = ['A', 'A-B', 'A B', 'é', '\u{ff5e}', '\u{1f600}'];

type Step =
  | { kind: 'append'; symbols: number[]; timeStep: number }
  | { kind: 'again'; symbol: number; back: number }
  | { kind: 'flush' }
  | { kind: 'prune'; age: number }
  | { kind: 'reopen' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      symbols: fc.array(fc.nat(SYMBOLS.length - 1), { maxLength: 60 }),
      timeStep: fc.constantFrom(0, 0.25, 1, 1e6),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('again' as const),
      symbol: fc.nat(SYMBOLS.length - 1),
      back: fc.nat(5),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'flush' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('prune' as const), age: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
);

function checkSymbol(
  store: Store,
  model: NaiveAnomalies,
  symbol: string,
  at: number,
  limit: number,
) {
  expect(store.lastSequence(symbol)).toBe(model.lastSequence(symbol));
  expect(store.firstSequence(symbol)).toBe(model.firstSequence(symbol));
  expect(store.from(symbol, at, limit)).toEqual(model.from(symbol, at, limit));
  expect(store.before(symbol, at, limit)).toEqual(model.before(symbol, at, limit));
  expect(store.from(symbol, 0, 10_000)).toEqual(model.from(symbol, 0, 10_000));
  expect(store.before(symbol, 1e9, limit)).toEqual(model.before(symbol, 1e9, limit));
}

function pages(store: Store, from: number, to: number, limit: number) {
  const items = [];
  let after: string | undefined;
  do {
    const page = store.between({ from, to, after, limit });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return items;
}

function checkAll(store: Store, model: NaiveAnomalies, at: number, limit: number) {
  for (const symbol of [...SYMBOLS, 'NEVER']) checkSymbol(store, model, symbol, at, limit);
  expect(store.recent(limit)).toEqual(model.recent(limit));
  expect(store.recent(10_000)).toEqual(model.recent(10_000));
  expect(new Map(store.lastSequences())).toEqual(model.lastSequences());
  const everything = model.between(0, Infinity);
  const from = everything.at(Math.floor(everything.length / 4))?.time ?? 0;
  const to = everything.at(-1)?.time ?? 0;
  expect(pages(store, 0, Infinity, limit + 1)).toEqual(everything);
  expect(pages(store, from, to, limit + 1)).toEqual(model.between(from, to));
}

describe('what a store answers', () => {
  it('is what an array would, whatever was flushed, pruned and opened again', async () => {
    const runs = fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 14 }),
      fc.nat(40),
      fc.nat(30),
      fc.constantFrom(0, 7),
      async (steps, at, limit, retentionPerSymbol) => {
        using folder = new StoreFolder();
        const options = folder.options({ retentionPerSymbol, retentionDays: 1 });
        const model = new NaiveAnomalies();
        let store = await openStore(options, new StoreLines());
        let time = DAY_MS;
        for (const each of steps) {
          if (each.kind === 'append') {
            for (const index of each.symbols) {
              const symbol = SYMBOLS[index] ?? '';
              time += each.timeStep;
              const anomaly = anomalyOf(symbol, model.lastSequence(symbol) + 1, time);
              model.append(anomaly);
              store.append(anomaly);
            }
          } else if (each.kind === 'again') {
            const symbol = SYMBOLS[each.symbol] ?? '';
            const sequence = Math.max(model.lastSequence(symbol) - each.back, 1);
            if (sequence <= model.lastSequence(symbol)) store.append(anomalyOf(symbol, sequence));
          } else if (each.kind === 'flush') {
            expect(await store.flushed()).toBe(true);
          } else if (each.kind === 'prune') {
            // What is not on disk yet is not pruned.
            await store.flushed();
            const oldest = time - each.age * 1e6;
            expect(await store.prune(oldest + DAY_MS)).toBe(
              model.prune(oldest, retentionPerSymbol),
            );
          } else {
            await store.close();
            store = await openStore(options, new StoreLines());
          }
          checkAll(store, model, at, limit);
        }
        await store.close();
        const last = await openStore(options, new StoreLines());
        checkAll(last, model, at, limit);
        await last.close();
      },
    );
    await fc.assert(runs, { numRuns: 5, seed: 20_261_122 });
  });

  it('holds while batches are written beneath the reader', async () => {
    using folder = new StoreFolder();
    const store = await openStore(folder.options(), new StoreLines());
    const model = new NaiveAnomalies();
    for (let round = 1; round <= 60; round++) {
      for (let count = 0; count < 150; count++) {
        const symbol = SYMBOLS[(count * 7 + round) % SYMBOLS.length] ?? '';
        const anomaly = anomalyOf(symbol, model.lastSequence(symbol) + 1, round);
        model.append(anomaly);
        store.append(anomaly);
      }
      await new Promise((resolve) => setImmediate(resolve));
      const last = store.lastSequence('A');
      expect(store.from('A', last - 40, 100)).toEqual(model.from('A', last - 40, 100));
      expect(store.before('A', last, 100)).toEqual(model.before('A', last, 100));
      expect(store.recent(200)).toEqual(model.recent(200));
      expect(store.between({ from: round - 1, to: Infinity, limit: 500 }).items).toEqual(
        model.between(round - 1, Infinity),
      );
    }
    await store.close();
  });

  it('keeps every bit of a double', async () => {
    using folder = new StoreFolder();
    const values = [Number.MIN_VALUE, Number.MAX_VALUE, 0.1 + 0.2, 1e-310, 64_250.123456789];
    const anomalies = values.map((value, index) => ({
      ...anomalyOf('A', index + 1),
      reference: value,
      price: value,
      changePercent: -value,
      time: value,
    }));
    const store = await openStore(folder.options(), new StoreLines());
    for (const anomaly of anomalies) store.append(anomaly);
    expect(await store.flushed()).toBe(true);
    await store.close();
    const again = await openStore(folder.options(), new StoreLines());
    expect(again.from('A', 1, 10)).toEqual(anomalies);
    expect(again.between({ from: 0, to: Infinity, limit: 10 }).items).toEqual(
      anomalies.toSorted((a, b) => a.time - b.time),
    );
    await again.close();
  });

  it('is an error for a cursor of somebody else, and for what cannot be stored', async () => {
    using folder = new StoreFolder();
    const store = await openStore(folder.options(), new StoreLines());
    for (const after of ['', 'AAAA', '!!!', 'x'.repeat(5000), `${'A'.repeat(11)}=`]) {
      const range = { from: 0, to: Infinity, after, limit: 10 };
      expect(() => store.between(range), after).toThrow(CursorError);
    }
    const bad = [
      { symbol: '' },
      { symbol: 'A\0B' },
      { symbol: 'x'.repeat(300) },
      { sequence: 0 },
      { sequence: 1.5 },
      { time: -1 },
      { time: Number.NaN },
      { time: Infinity },
    ];
    for (const change of bad) {
      expect(() => store.append({ ...anomalyOf('A', 1), ...change })).toThrow(RangeError);
    }
    expect(store.waitingCount).toBe(0);
    await store.close();
  });
});

describe('the cost of a store', () => {
  it.each(['async', 'sync'] as const)('is durable within 50 ms, mostly: %s', async (mode) => {
    using folder = new StoreFolder();
    const store = await openStore(folder.options({ mode }), new StoreLines());
    const took: number[] = [];
    for (let sequence = 1; sequence <= 30; sequence++) {
      const start = performance.now();
      store.append(anomalyOf('A', sequence));
      while (store.waitingCount > 0) await new Promise((resolve) => setImmediate(resolve));
      took.push(performance.now() - start);
    }
    await store.close();
    took.sort((a, b) => a - b);
    expect(took[15]).toBeLessThan(50);
  });
});
