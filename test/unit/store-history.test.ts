import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Anomaly } from '../../src/engine/index.ts';
import { CursorError, type NameFilter, openStore, type Store } from '../../src/store/index.ts';
import { type Reader, type StartReader, startReader } from '../../src/store/reader.ts';
import { fc } from '../../testkit/fast-check.ts';
import { NaiveAnomalies } from '../support/naive-anomalies.ts';
import {
  ALL_NAMES,
  anomalyOf,
  FaultyDisk,
  firstOf,
  itemsOf,
  StoreFolder,
  StoreLines,
} from '../support/store-folder.ts';

const DAY_MS = 86_400_000;
/** One a prefix of another, one beyond ASCII, one with bytes that sort unlike UTF-16. */
const SYMBOLS = ['A', 'A-B', 'A B', 'é', '\u{ff5e}', '\u{1f600}'];

type Step =
  | { kind: 'append'; symbols: number[]; timeStep: number }
  | { kind: 'again'; symbol: number; back: number }
  | { kind: 'flush' }
  | { kind: 'prune'; share: number }
  | { kind: 'reopen' }
  | { kind: 'crash'; isBusy: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      symbols: fc.array(fc.nat(SYMBOLS.length - 1), { minLength: 1, maxLength: 60 }),
      timeStep: fc.constantFrom(0, 0.25, 1, 1e6),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('again' as const),
      symbol: fc.nat(SYMBOLS.length - 1),
      back: fc.nat(5),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'flush' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('prune' as const),
      share: fc.constantFrom(0, 0.25, 0.6, 1.1),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('crash' as const), isBusy: fc.boolean() }),
  },
);

/** Avoids matchers, which take milliseconds a thousand, until there is a difference. */
function expectEqual(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected);
}

async function checkSymbol(
  store: Store,
  model: NaiveAnomalies,
  symbol: string,
  at: number,
  limit: number,
) {
  expectEqual(store.lastSequence(symbol), model.lastSequence(symbol));
  expectEqual(await firstOf(store, symbol), model.firstSequence(symbol));
  expectEqual(await itemsOf(store, symbol, at, limit), model.from(symbol, at, limit));
  expectEqual(
    await store.ranges([
      { symbol, from: at, limit },
      { symbol: 'NEVER', from: 1, limit },
    ]),
    [model.from(symbol, at, limit), []],
  );
  expectEqual(await itemsOf(store, symbol, 0, 10_000), model.from(symbol, 0, 10_000));
}

async function pages(store: Store, from: number, to: number, limit: number) {
  const items: Anomaly[] = [];
  let after: string | undefined;
  do {
    const page = await store.between({ from, to, after, limit }, ALL_NAMES);
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return items;
}

async function checkAll(store: Store, model: NaiveAnomalies, at: number, limit: number) {
  for (const symbol of [...SYMBOLS, 'NEVER']) await checkSymbol(store, model, symbol, at, limit);
  expectEqual(await store.recent(limit, ALL_NAMES), model.recent(limit));
  expectEqual(await store.recent(10_000, ALL_NAMES), model.recent(10_000));
  expectEqual(new Map(await store.lastSequences()), model.lastSequences());
  const everything = model.between(0, Infinity);
  const from = everything.at(Math.floor(everything.length / 4))?.time ?? 0;
  const to = everything.at(-1)?.time ?? 0;
  expectEqual(await pages(store, 0, Infinity, limit + 1), everything);
  expectEqual(await pages(store, from, to, limit + 1), model.between(from, to));
}

/** Waits for a failed disk's retry: one a second. */
async function flush(store: Store): Promise<void> {
  while (!(await store.flushed())) await new Promise((resolve) => setTimeout(resolve, 10));
}

const seen = { reopened: 0, crashedIdle: 0, crashedBusy: 0, removedByAge: 0, removedByCount: 0 };

/** A store and its model, stepped together. */
class StoreRun {
  readonly #folder = new StoreFolder();
  readonly #disk = new FaultyDisk();
  readonly #model = new NaiveAnomalies();
  readonly #retention: { retentionDays: number; retentionPerSymbol: number };
  #store: Store | undefined;
  #time = DAY_MS;
  /** Not the time of ticks: retention goes by arrival. */
  #now = 1000 * DAY_MS;

  constructor(retention: { retentionDays: number; retentionPerSymbol: number }) {
    this.#retention = retention;
  }

  async open(): Promise<void> {
    const { startWriter } = this.#disk;
    // The check has its own test and would dominate this one's time.
    const seams = { startWriter, checkDatabase: async () => {} };
    const options = this.#folder.options(this.#retention);
    this.#store = await openStore(options, new StoreLines(), seams);
  }

  async close(): Promise<void> {
    await this.#store?.close();
  }

  dispose(): void {
    this.#folder[Symbol.dispose]();
  }

  async check(at: number, limit: number): Promise<void> {
    await checkAll(this.#opened, this.#model, at, limit);
  }

  async go(each: Step): Promise<void> {
    if (each.kind === 'append') this.#append(each.symbols, each.timeStep);
    else if (each.kind === 'again') this.#appendAgain(SYMBOLS[each.symbol] ?? '', each.back);
    else if (each.kind === 'flush') await flush(this.#opened);
    else if (each.kind === 'prune') await this.#prune(each.share);
    else if (each.kind === 'reopen') await this.#reopen();
    else await this.#crash(each.isBusy);
    await this.#trim();
  }

  get #opened(): Store {
    if (this.#store === undefined) throw new Error('not opened');
    return this.#store;
  }

  #append(symbols: readonly number[], timeStep: number): void {
    for (const index of symbols) {
      const symbol = SYMBOLS[index] ?? '';
      this.#time += timeStep;
      const anomaly = anomalyOf(symbol, this.#model.lastSequence(symbol) + 1, this.#time);
      this.#model.append(anomaly);
      this.#opened.append(anomaly);
    }
  }

  #appendAgain(symbol: string, back: number): void {
    const last = this.#model.lastSequence(symbol);
    if (last > 0) this.#opened.append(anomalyOf(symbol, Math.max(last - back, 1)));
  }

  /** @param share of a day that passes first */
  async #prune(share: number): Promise<void> {
    const { retentionDays } = this.#retention;
    // Pending anomalies are not pruned.
    await flush(this.#opened);
    this.#now += share * DAY_MS;
    this.#model.noteArrivals(this.#now);
    const oldest = this.#now - retentionDays * DAY_MS;
    const age = retentionDays === 0 ? 0 : this.#model.removeOlder(oldest);
    seen.removedByAge += age;
    const swept = await this.#opened.sweep({ now: this.#now, mayRemoveMost: true });
    expect(swept).toMatchObject({ age, heldBack: 0 });
  }

  async #reopen(): Promise<void> {
    await this.#opened.close();
    await this.open();
    seen.reopened++;
  }

  async #crash(isBusy: boolean): Promise<void> {
    const { writer } = this.#disk;
    if (isBusy) {
      this.#append([0, 1, 2, 3], 1);
      // Not amid a transaction: there LMDB may keep a terminated thread from ending.
      this.#disk.diesAfterWrite = true;
      expect(await this.#opened.flushed()).toBe(false);
      seen.crashedBusy++;
    } else {
      await flush(this.#opened);
      seen.crashedIdle++;
    }
    await writer?.terminate();
    this.#append([4, 5], 1);
    await flush(this.#opened);
    expect(this.#disk.writer).not.toBe(writer);
  }

  /** Brings the number kept by symbol to its limit: more are kept until a sweep. */
  async #trim(): Promise<void> {
    const { retentionPerSymbol } = this.#retention;
    if (retentionPerSymbol === 0) return;
    const count = this.#model.removeBeyond(retentionPerSymbol);
    if (count === 0) return;
    seen.removedByCount += count;
    await flush(this.#opened);
    const limits = { now: undefined, mayRemoveMost: true };
    expect(await this.#opened.sweep(limits)).toMatchObject({ age: 0, heldBack: 0 });
  }
}

describe('what a store answers', () => {
  it('is what an array would: over prunes, restarts and crashes of the writer', async () => {
    const runs = fc.asyncProperty(
      fc.array(step, { minLength: 20, maxLength: 30 }),
      fc.nat(40),
      fc.nat(30),
      fc.record({
        retentionDays: fc.constantFrom(0, 1),
        retentionPerSymbol: fc.constantFrom(0, 3, 20),
      }),
      async (steps, at, limit, retention) => {
        const run = new StoreRun(retention);
        try {
          await run.open();
          for (const each of [...steps, { kind: 'reopen' } as const]) {
            await run.go(each);
            await run.check(at, limit);
          }
          await run.close();
        } finally {
          run.dispose();
        }
      },
    );
    await fc.assert(runs, { numRuns: 6, endOnFailure: true });
    // Each interesting event occurred.
    for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(4);
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
      expect(await itemsOf(store, 'A', last - 40, 100)).toEqual(model.from('A', last - 40, 100));
      expect(await store.recent(200, ALL_NAMES)).toEqual(model.recent(200));
      expect(
        (await store.between({ from: round - 1, to: Infinity, limit: 500 }, ALL_NAMES)).items,
      ).toEqual(model.between(round - 1, Infinity));
    }
    await store.close();
  });

  it('has all that was appended before it was asked, though it is written meanwhile', async () => {
    using folder = new StoreFolder();
    let written: () => Promise<unknown> = () => Promise.resolve();
    // The disk is read before the batch is on it, and the answer comes when it is.
    const startLateReader: StartReader = async (directory) => {
      const { held, reader } = await startReader(directory);
      const call: Reader['call'] = async (name, argument) => {
        const answer = await reader.call(name, argument);
        await written();
        return answer;
      };
      const { isAlive } = reader;
      return { held, reader: { call, isAlive, close: () => reader.close() } };
    };
    const seams = { startReader: startLateReader };
    const store = await openStore(folder.options(), new StoreLines(), seams);
    written = () => store.flushed();
    const model = new NaiveAnomalies();
    for (let round = 1; round <= 10; round++) {
      for (const symbol of SYMBOLS) {
        const anomaly = anomalyOf(symbol, round, round);
        model.append(anomaly);
        store.append(anomaly);
      }
      const range = { symbol: 'A', from: 1, limit: 100 };
      const all = { from: 0, to: Infinity, limit: 1000 };
      const [page, ranges, between, recent, arrived] = await Promise.all([
        store.page(range),
        store.ranges([range, { symbol: 'é', from: 1, limit: 100 }]),
        store.between(all, ALL_NAMES),
        store.recent(1000, ALL_NAMES),
        store.arrivedFrom(0, 1000),
      ]);
      expect(store.waitingCount).toBe(0);
      expect(page).toEqual({ first: 1, items: model.from('A', 1, 100) });
      expect(ranges).toEqual([model.from('A', 1, 100), model.from('é', 1, 100)]);
      expect(between.items).toEqual(model.between(0, Infinity));
      expect(recent).toEqual(model.recent(1000));
      expect(arrived.map(({ record }) => record)).toEqual(model.recent(1000).toReversed());
      expect(arrived.map(({ ordinal }) => ordinal)).toEqual(arrived.map((_, index) => index));
    }
    await store.close();
  });

  it('is of the wanted symbols only, on disk and before', async () => {
    using folder = new StoreFolder();
    const store = await openStore(folder.options(), new StoreLines());
    const names = ['A-1', 'A-2', 'B-1', '\u0001t\u0001A-1', '\u0001tt\u0001A-1'];
    for (let sequence = 1; sequence <= 20; sequence++) {
      for (const name of names) store.append(anomalyOf(name, sequence));
      if (sequence === 10) expect(await store.flushed()).toBe(true);
    }
    const range = { from: 0, to: Infinity, limit: 1000 };
    const found = async (filter: NameFilter) => {
      const { items } = await store.between(range, filter);
      const recent = await store.recent(1000, filter);
      const sorted = (anomalies: readonly Anomaly[]) =>
        anomalies.map(({ symbol, sequence }) => `${symbol} ${sequence}`).sort();
      expect(sorted(recent)).toEqual(sorted(items));
      expect(items.length % 20).toBe(0);
      return [...new Set(items.map(({ symbol }) => symbol))];
    };
    const own = { prefix: '', foreign: '\u0001' };
    expect(await found({ ...own, lists: [] })).toEqual(['A-1', 'A-2', 'B-1']);
    expect(await found({ ...own, lists: [['A-*', 'B-1']] })).toEqual(['A-1', 'A-2', 'B-1']);
    expect(await found({ ...own, lists: [['*-1'], ['A-*']] })).toEqual(['A-1']);
    expect(await found({ ...own, lists: [[]] })).toEqual([]);
    const tenant = { prefix: '\u0001t\u0001', foreign: undefined };
    expect(await found({ ...tenant, lists: [['A-1']] })).toEqual(['\u0001t\u0001A-1']);
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
    expect(await itemsOf(again, 'A', 1, 10)).toEqual(anomalies);
    expect((await again.between({ from: 0, to: Infinity, limit: 10 }, ALL_NAMES)).items).toEqual(
      anomalies.toSorted((a, b) => a.time - b.time),
    );
    await again.close();
  });

  it('is an error for a foreign cursor, and for what cannot be stored', async () => {
    using folder = new StoreFolder();
    const store = await openStore(folder.options(), new StoreLines());
    for (const after of ['', 'AAAA', '!!!', 'x'.repeat(5000), `${'A'.repeat(11)}=`]) {
      const range = { from: 0, to: Infinity, after, limit: 10 };
      await expect(store.between(range, ALL_NAMES), after).rejects.toThrow(CursorError);
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
  it.each(['async', 'sync'] as const)('is durable within 50 ms: %s', async (mode) => {
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
    // Least of them: a busy machine delays any one.
    expect(Math.min(...took)).toBeLessThan(50);
  });
});
