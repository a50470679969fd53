import { describe, expect, it } from 'vitest';
import type { Capture } from '../../src/engine/captures.ts';
import type { SymbolState } from '../../src/engine/index.ts';
import { RETIRED_MAX } from '../../src/engine/index.ts';
import { fc } from '../../testkit/fast-check.ts';
import {
  type ExpectedAnomaly,
  type MarketTick,
  SymbolOracle,
} from '../../testkit/independent/statistics.ts';
import { CaptureRig, statesOf, statisticsOfState } from '../support/capture-rig.ts';
import { isSameStatistics, smallRules } from '../support/partition-rig.ts';
import { stories } from '../support/tick-story.ts';

const RULES = smallRules({ windowCapacity: 256 });
/** More symbols than the engine holds: places must be given back. */
const SYMBOLS = 9;
const PLACES = 5;

type Step =
  | { readonly do: 'tick'; readonly tick: MarketTick }
  | { readonly do: 'retire'; readonly symbols: readonly string[]; readonly isIdleOnly: boolean }
  | { readonly do: 'work' | 'capture' | 'restart' };

/** Up to 74 bytes long. */
const nameOf = (i: number) => `S${'€'.repeat(i * 3)}${i}`;
const symbolName = fc.nat({ max: SYMBOLS - 1 }).map(nameOf);

const OTHER: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('retire' as const),
      symbols: fc.uniqueArray(symbolName, { minLength: 1, maxLength: 4 }),
      isIdleOnly: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.constant<Step>({ do: 'work' }) },
  { weight: 2, arbitrary: fc.constant<Step>({ do: 'capture' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'restart' }) },
);

const STORIES = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  ticks: stories(SYMBOLS, RULES.slidingWindowMilliseconds, { maxLength: 120 }).map((ticks) =>
    ticks.map(
      ({ symbolId, price, time }): MarketTick => ({ symbol: nameOf(symbolId), price, time }),
    ),
  ),
  others: fc.array(fc.tuple(fc.nat({ max: 120 }), OTHER), { maxLength: 30 }),
});

/** One symbol, life after life. */
class Lives {
  oracle = new SymbolOracle(RULES);
  readonly raised: ExpectedAnomaly[] = [];
  readonly taken: ExpectedAnomaly[] = [];

  apply({ price, time }: MarketTick): void {
    this.raised.push(...this.oracle.apply(price, time));
  }

  end(): void {
    const { lastAnomaly } = this.oracle;
    this.oracle = new SymbolOracle(RULES);
    this.oracle.lastAnomaly = lastAnomaly;
  }
}

/** The engine beside the model. */
class World {
  rig: CaptureRig;
  readonly lives = new Map<string, Lives>();
  readonly #partitions: number;
  #base = new Map<string, SymbolState>();
  #captures = 0;
  #retiring: {
    readonly symbols: readonly string[];
    readonly batch: Promise<readonly boolean[]>;
  }[] = [];
  #capture: { readonly states: Promise<SymbolState[]>; readonly expected: unknown } | undefined;

  constructor(partitions: number) {
    this.#partitions = partitions;
    this.rig = this.#start([]);
  }

  tick(tick: MarketTick): void {
    const { symbols, table } = this.rig;
    const isNew = symbols.findName(tick.symbol) < 0;
    if (isNew && symbols.isFull()) return;
    const lives = this.lives.get(tick.symbol) ?? new Lives();
    this.lives.set(tick.symbol, lives);
    if (isNew) table.continueAnomalies(this.rig.idOf(tick.symbol), lives.oracle.lastAnomaly);
    lives.apply(tick);
    this.rig.offer(tick);
  }

  async retire(all: readonly string[], isIdleOnly: boolean): Promise<void> {
    // A retirement begins when no capture is being made.
    if (this.#retiring.length > 0 || this.#capture !== undefined) await this.work();
    const known = all.filter((symbol) => this.rig.symbols.findName(symbol) >= 0);
    for (const symbol of known) {
      const lives = this.lives.get(symbol) as Lives;
      // Of every other symbol one tick is still to come when its idleness is judged.
      const count = lives.oracle.count - (isIdleOnly && symbol.length % 2 === 0 ? 1 : 0);
      const batch = this.rig.retire([symbol], isIdleOnly ? count : -1);
      if (!isIdleOnly || count === lives.oracle.count) lives.end();
      this.#retiring.push({ symbols: [symbol], batch });
      if (symbol !== known.at(-1)) await this.work();
    }
  }

  capture(): void {
    if (this.#capture !== undefined) return;
    const live = [...this.lives].filter(([, { oracle }]) => oracle.count > 0);
    const expected = new Map(
      live.map(([symbol, { oracle }]) => [
        symbol,
        { statistics: oracle.statistics, anomalies: oracle.lastAnomaly },
      ]),
    );
    const states = this.rig.capture().then((capture) => {
      const read = statesOf(capture);
      this.#checkChanges(capture, read);
      this.rig.captures.release(capture);
      return read;
    });
    this.#capture = { states, expected };
  }

  /** The base with the changes since is everything. Every third capture is a base. */
  #checkChanges(capture: Capture, all: readonly SymbolState[]): void {
    const states = new Map(this.#base);
    for (const state of statesOf(capture, 'sinceBase')) {
      if (state.count > 0 || state.anomalies > 0) states.set(state.symbol, state);
      else states.delete(state.symbol);
    }
    const exact = new Map(all.map((state) => [state.symbol, state]));
    expect(states).toEqual(exact);
    if (this.#captures++ % 3 !== 0) return;
    this.rig.captures.setBase(capture);
    this.#base = exact;
  }

  /** Everything that waits is done, and compared with the model. */
  async work(): Promise<SymbolState[]> {
    this.rig.work();
    this.#keepAnomalies();
    for (const { symbols, batch } of this.#retiring.splice(0)) {
      const areForgotten = await batch;
      for (const [i, symbol] of symbols.entries()) {
        const symbolId = this.rig.symbols.findName(symbol);
        if (areForgotten[i]) this.rig.forget([symbol]);
        else this.rig.symbols.cancelRetiring(symbolId);
        expect(this.rig.symbols.isRetiring(symbolId)).toBe(false);
      }
    }
    const states = await this.#checkCapture();
    this.#check();
    return states;
  }

  async restart(): Promise<void> {
    await this.work();
    this.capture();
    const states = await this.work();
    this.rig = this.#start(states);
    this.#base.clear();
    this.#check();
  }

  #start(restored: readonly SymbolState[]): CaptureRig {
    const sizes = { rules: RULES, partitions: this.#partitions, symbols: PLACES };
    return new CaptureRig({ ...sizes, growBytes: 1 << 13, restored });
  }

  async #checkCapture(): Promise<SymbolState[]> {
    if (this.#capture === undefined) return [];
    const { expected, states } = this.#capture;
    this.#capture = undefined;
    const captured = await states;
    const own = new Map(
      captured.map((state) => {
        const { anomalies } = state;
        return [state.symbol, { statistics: statisticsOfState(state), anomalies }];
      }),
    );
    const close = (value: unknown) =>
      JSON.stringify(
        [...(value as Map<string, { statistics: { average: number } }>)].sort(([a], [b]) =>
          a < b ? -1 : 1,
        ),
        round,
      );
    expect(close(own)).toBe(close(expected));
    return captured;
  }

  #keepAnomalies(): void {
    for (const [symbolId, symbol] of this.rig.symbols.names.entries()) {
      if (symbol === undefined) continue;
      const recorded = this.rig.anomalies.of(symbolId);
      (this.lives.get(symbol) as Lives).taken.push(...recorded.splice(0));
    }
  }

  #check(): void {
    const { symbols, table } = this.rig;
    for (const [symbol, { oracle, raised, taken }] of this.lives) {
      const symbolId = symbols.findName(symbol);
      const hasTicks = symbolId >= 0 && table.hasTicks(symbolId);
      expect(hasTicks, symbol).toBe(oracle.count > 0);
      if (!hasTicks) continue;
      const own = this.rig.statistics(symbol);
      if (!isSameStatistics(own, oracle.statistics)) expect(own).toEqual(oracle.statistics);
      expect(table.anomalies(symbolId), symbol).toBe(oracle.lastAnomaly);
      expect(taken).toEqual(raised);
    }
    const live = [...this.lives.values()].filter(({ oracle }) => oracle.count > 0);
    expect(symbols.size).toBe(live.length);
    expect(this.rig.truncated).toBe(0);
  }
}

/** Averages differ in their last bits. */
function round(key: string, value: unknown): unknown {
  return key === 'average' ? (value as number).toPrecision(11) : value;
}

describe('symbols that come, are retired and return', () => {
  it('are what a naive model says, over captures and restarts', async () => {
    let retired = 0;
    await fc.assert(
      fc.asyncProperty(STORIES, async ({ partitions, ticks, others }) => {
        const world = new World(partitions);
        for (const [i, tick] of ticks.entries()) {
          for (const [at, step] of others) {
            if (at !== i) continue;
            if (step.do === 'retire') await world.retire(step.symbols, step.isIdleOnly);
            else if (step.do === 'capture') world.capture();
            else if (step.do === 'work') await world.work();
            else if (step.do === 'restart') await world.restart();
            if (step.do === 'retire') retired++;
          }
          world.tick(tick);
        }
        await world.work();
      }),
      { numRuns: 60 },
    );
    expect(retired).toBeGreaterThan(50);
  });

  it('take no memory for good: 20 000 through 300 places, with long windows', async () => {
    const rig = new CaptureRig({
      partitions: 2,
      rules: { ...RULES, slidingWindowMilliseconds: 1000 },
      symbols: 300,
      channelCapacity: 8192,
      // Room for the blocks of 300 symbols at a time, no more.
      growBytes: 300 * 2 * 512,
    });
    const longName = (i: number) => `${'long name '.repeat(i % 4)}${i}`;
    for (let from = 0; from < 20_000; from += RETIRED_MAX) {
      const names = Array.from({ length: RETIRED_MAX }, (_, i) => longName(from + i));
      for (const symbol of names) {
        for (let i = 0; i < 20; i++) rig.offer({ symbol, price: 100 - i / 1000, time: 1000 + i });
      }
      rig.work();
      expect(rig.symbols.size).toBe(RETIRED_MAX);
      expect(rig.statistics(longName(from + 7))).toMatchObject({ count: 20, max: 100 });
      const retired = rig.retire(names);
      rig.work();
      expect((await retired).every(Boolean)).toBe(true);
      expect(rig.forget(names).every(Boolean)).toBe(true);
      expect(rig.symbols.size).toBe(0);
    }
    expect(rig.symbols.names.length).toBe(RETIRED_MAX);
    expect(rig.truncated).toBe(0);
    expect(rig.symbols.nextWireId).toBeGreaterThan(20_000);
  });

  it('is one batch at a time, and of limited size', async () => {
    const rig = new CaptureRig({ partitions: 1, rules: RULES });
    rig.offer({ symbol: 'A', price: 1, time: 1 });
    const batch = rig.retire(['A']);
    await expect(rig.retire([])).rejects.toThrow('the previous symbols are not retired yet');
    rig.work();
    await batch;
    const many = Array.from({ length: RETIRED_MAX + 1 }, () => 'A');
    await expect(rig.retire(many)).rejects.toThrow('257 symbols to retire');
  });
});
