import { expect, it, vi } from 'vitest';
import { openStore, Retention, type Store } from '../../src/store/index.ts';
import { layOutOldStore } from '../support/old-store.ts';
import {
  ALL_NAMES,
  anomalyOf,
  firstOf,
  itemsOf,
  StoreFolder,
  StoreLines,
} from '../support/store-folder.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW = Date.UTC(2026, 10, 25);
const TICKS_OF_2020 = Date.UTC(2020, 0, 1);
const DAYS = { retentionDays: 30, retentionPerSymbol: 100_000 };

function appendAll(store: Store, from: number, to: number, time = TICKS_OF_2020): void {
  for (let sequence = from; sequence <= to; sequence++) {
    store.append(anomalyOf('A', sequence, time + sequence));
  }
}

async function stored(store: Store): Promise<number[]> {
  expect(await store.flushed()).toBe(true);
  return (await itemsOf(store, 'A', 1, 10_000)).map(({ sequence }) => sequence);
}

const trusted = (now: number) => ({ now, mayRemoveMost: true });
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

it('anomalies of replayed ticks are kept from their arrival on, not from their time', async () => {
  using folder = new StoreFolder();
  const store = await openStore(folder.options(DAYS), new StoreLines());
  appendAll(store, 1, 9);
  expect(await stored(store)).toEqual(upTo(9));
  expect(await store.sweep(trusted(NOW))).toEqual({ age: 0, perSymbol: 0, heldBack: 0 });
  // Ticks of the far future, that arrive a day later.
  appendAll(store, 10, 12, NOW + 1000 * DAY_MS);
  expect(await stored(store)).toEqual(upTo(12));
  expect(await store.sweep(trusted(NOW + DAY_MS))).toMatchObject({ age: 0 });
  expect(await store.sweep(trusted(NOW + 30 * DAY_MS))).toMatchObject({ age: 0 });
  expect(await store.sweep(trusted(NOW + 30 * DAY_MS + 1))).toMatchObject({ age: 9 });
  expect(await stored(store)).toEqual([10, 11, 12]);
  expect(await store.sweep(trusted(NOW + 31 * DAY_MS + 1))).toMatchObject({ age: 3 });
  expect(await stored(store)).toEqual([]);
  expect(store.removed).toEqual({ age: 12, perSymbol: 0 });
  expect([await firstOf(store, 'A'), store.lastSequence('A')]).toEqual([13, 12]);
  await store.close();
});

it('arrivals outlive a restart; an earlier version did not record them', async () => {
  using folder = new StoreFolder();
  layOutOldStore(folder.path);
  const old = await openStore(folder.options(DAYS), new StoreLines());
  const kept = async () => (await itemsOf(old, 'SYM-0', 1, 100)).map(({ sequence }) => sequence);
  expect(await kept()).toEqual(upTo(9));
  expect(await old.sweep(trusted(NOW))).toMatchObject({ age: 0 });
  expect(await kept()).toEqual(upTo(9));
  await old.close();
  const store = await openStore(folder.options(DAYS), new StoreLines());
  appendAll(store, 1, 1);
  expect(await stored(store)).toEqual([1]);
  expect(await store.sweep(trusted(NOW + 30 * DAY_MS))).toMatchObject({ age: 0 });
  expect(await store.sweep(trusted(NOW + 30 * DAY_MS + 1))).toMatchObject({ age: 9 });
  expect(await stored(store)).toEqual([1]);
  await store.close();
});

it('a symbol keeps its newest however fast they come, without a sweep', async () => {
  using folder = new StoreFolder();
  const options = folder.options({ retentionPerSymbol: 1000 });
  const store = await openStore(options, new StoreLines());
  for (let round = 0; round < 10; round++) {
    appendAll(store, round * 1000 + 1, round * 1000 + 1000);
    const sequences = await stored(store);
    expect(sequences.length).toBeLessThanOrEqual(1000 + 64);
    expect(sequences).toEqual(upTo(round * 1000 + 1000).slice(-sequences.length));
    expect(await firstOf(store, 'A')).toBe(sequences[0]);
    expect(store.removed.perSymbol).toBe(round * 1000 + 1000 - sequences.length);
  }
  await store.sweep({ now: undefined, mayRemoveMost: false });
  expect(await stored(store)).toHaveLength(1000);
  const page = await store.between({ from: 0, to: Infinity, limit: 5000 }, ALL_NAMES);
  expect(page.items).toHaveLength(1000);
  expect(await store.recent(5000, ALL_NAMES)).toHaveLength(1000);
  await store.close();
});

it('a limit that was lowered is reached in steps, not in one long write', async () => {
  using folder = new StoreFolder();
  const before = await openStore(folder.options(), new StoreLines());
  appendAll(before, 1, 2000);
  await before.flushed();
  await before.close();
  const store = await openStore(folder.options({ retentionPerSymbol: 10 }), new StoreLines());
  appendAll(store, 2001, 2001);
  expect((await stored(store)).length).toBeGreaterThan(1900);
  await store.sweep({ now: undefined, mayRemoveMost: false });
  expect(await stored(store)).toEqual(upTo(2001).slice(-10));
  await store.close();
});

/** A store whose retention has clocks of its own. */
class SweptStore {
  readonly log = new StoreLines();
  readonly #folder = new StoreFolder();
  #now = NOW;
  #monotonic = 0;
  #store: Store | undefined;
  #retention: Retention | undefined;

  async open(): Promise<void> {
    // The check has a test of its own.
    const seams = { checkDatabase: async () => {} };
    this.#store = await openStore(this.#folder.options(DAYS), this.log, seams);
    const clocks = { now: () => this.#now, monotonic: () => this.#monotonic };
    this.#retention = new Retention(this.#store, this.log, clocks);
  }

  async close(): Promise<void> {
    this.#retention?.stop();
    await this.#store?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    this.#folder[Symbol.dispose]();
  }

  async append(from: number, to: number): Promise<void> {
    appendAll(this.#store as Store, from, to);
    await this.count();
  }

  async count(): Promise<number> {
    return (await stored(this.#store as Store)).length;
  }

  /** The wall clock is set; the monotonic one is not. */
  setClock(byMs: number): void {
    this.#now += byMs;
  }

  /** Time passes, with a sweep every so often. */
  async pass(minutes: number, sweptEach = 30): Promise<void> {
    for (let left = minutes; left > 0; left -= sweptEach) {
      const stepMs = Math.min(sweptEach, left) * 60_000;
      this.#now += stepMs;
      this.#monotonic += stepMs;
      await this.#retention?.sweep();
    }
  }

  get warnings(): string[] {
    return this.log.lines.filter((line) => line.startsWith('warn'));
  }
}

it('a clock that is wrong for a while removes nothing, and is named once', async () => {
  await using swept = new SweptStore();
  await swept.open();
  await swept.append(1, 20);
  await swept.pass(90);
  for (const days of [31, -31]) {
    swept.setClock(days * DAY_MS);
    await swept.pass(1);
    swept.setClock(-days * DAY_MS);
    await swept.pass(90);
    expect(await swept.count()).toBe(20);
  }
  expect(swept.warnings).toHaveLength(2);
  expect(swept.warnings[0]).toMatch(/the clock jumped.*"jumpMs":2678400000/);
  expect(swept.warnings[1]).toMatch(/the clock jumped.*"jumpMs":-2678400000/);
});

it('a clock that jumped ahead for good removes most only after half a day', async () => {
  await using swept = new SweptStore();
  await swept.open();
  await swept.append(1, 20);
  await swept.pass(90);
  swept.setClock(31 * DAY_MS);
  await swept.pass(11 * 60);
  expect(await swept.count()).toBe(20);
  expect(swept.warnings).toHaveLength(2);
  expect(swept.warnings[1]).toMatch(/many anomalies are old at once.*"count":20/);
  await swept.pass(91);
  expect(await swept.count()).toBe(0);
  expect(swept.log.lines.at(-1)).toBe('info removed anomalies beyond retention');
});

it('a server that was off for 40 days, or started with a wrong clock, waits as well', async () => {
  await using swept = new SweptStore();
  await swept.open();
  await swept.append(1, 20);
  await swept.pass(61);
  await swept.close();
  swept.setClock(40 * DAY_MS);
  await swept.open();
  await swept.append(21, 25);
  await swept.pass(11 * 60);
  expect(await swept.count()).toBe(25);
  // The clock was wrong: in the end it shows its true time.
  swept.setClock(-40 * DAY_MS);
  await swept.pass(13 * 60);
  expect(await swept.count()).toBe(25);
  await swept.close();
  swept.setClock(40 * DAY_MS);
  await swept.open();
  await swept.pass(12 * 60);
  expect(await swept.count()).toBe(5);
});

it('a few at a time go after an hour; a sweep that removed some logs one line', async () => {
  await using swept = new SweptStore();
  await swept.open();
  for (let day = 0; day < 12; day++) {
    await swept.append(day + 1, day + 1);
    await swept.pass(24 * 60, 6 * 60);
  }
  await swept.close();
  swept.setClock(18 * DAY_MS);
  await swept.open();
  await swept.pass(59);
  expect(await swept.count()).toBe(12);
  await swept.pass(6 * 60);
  expect(await swept.count()).toBe(11);
  const lines = swept.log.lines.filter((line) => line.includes('removed'));
  expect(lines).toEqual(['info removed anomalies beyond retention']);
});

it('is swept once a minute; a failure is logged and not the end', async () => {
  vi.useFakeTimers();
  try {
    const log = new StoreLines();
    const swept = { age: 0, perSymbol: 0, heldBack: 0 };
    const sweep = vi.fn<Store['sweep']>().mockRejectedValueOnce(new Error('disk'));
    sweep.mockResolvedValue(swept);
    const store = { sweep, removed: { age: 0, perSymbol: 0 } } as unknown as Store;
    const retention = new Retention(store, log);
    await vi.advanceTimersByTimeAsync(61 * 60_000);
    expect(sweep).toHaveBeenCalledTimes(61);
    expect(log.lines).toHaveLength(1);
    expect(sweep.mock.calls.filter(([{ now }]) => now !== undefined)).toHaveLength(2);
    retention.stop();
  } finally {
    vi.useRealTimers();
  }
});
