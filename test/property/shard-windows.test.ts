import { describe, expect, it } from 'vitest';
import { decodeSymbolStates, ShardPartition, type SymbolState } from '../../src/engine/index.ts';
import type { Anomaly } from '../../src/protocol/index.ts';
import { fc } from '../../testkit/fast-check.ts';
import { smallRules } from '../support/partition-rig.ts';

const WINDOW_MS = 160;
const SYMBOLS = Array.from({ length: 32 }, (_, i) => `S-${i}`);
const NAMES = SYMBOLS.map((symbol) => new TextEncoder().encode(symbol));
const PLACE_BYTES = 16;
/** A deque's own, in its symbol's record. */
const OWN_PLACES = 4;
const T0 = 1_700_000_000_000;

interface Tick {
  readonly symbol: number;
  readonly price: number;
  readonly time: number;
}

interface Options {
  readonly places: number;
  readonly lateTicks?: 'fold' | 'ignore';
  readonly windowCapacity?: number;
}

/** A shard, whose owner changes when told to. */
class Shard {
  readonly anomalies: Anomaly[] = [];
  readonly #options: Options;
  #owned: ShardPartition;

  constructor(options: Options) {
    this.#options = options;
    this.#owned = this.#own([]);
  }

  #own(states: Iterable<SymbolState>) {
    const { lateTicks = 'ignore', places, windowCapacity = 1024 } = this.#options;
    const rules = smallRules({ lateTicks, windowCapacity, slidingWindowMilliseconds: WINDOW_MS });
    return new ShardPartition({
      symbols: SYMBOLS.length,
      growBytes: places * PLACE_BYTES,
      rules: { ...rules, maxFutureMs: 1e12 },
      states,
      onAnomaly: (anomaly) => this.anomalies.push(anomaly),
      onAlert: () => undefined,
    });
  }

  take({ symbol, price, time }: Tick): void {
    const id = this.#owned.symbolId(NAMES[symbol] as Uint8Array, 1);
    this.#owned.apply(id, price, time, time);
  }

  get states(): readonly SymbolState[] {
    return [...decodeSymbolStates(Buffer.concat([...this.#owned.states()]))];
  }

  /** Another owner goes on from a snapshot. */
  handOver(): void {
    this.#owned = this.#own(this.states);
  }

  /** Time and price of each place, by symbol. */
  get windows() {
    return Object.fromEntries(
      this.states.map(({ symbol, minima, maxima }) => [symbol, [[...minima], [...maxima]]]),
    );
  }
}

/** The definition of what windows hold at their bound, by lists. */
class Definition {
  truncated = 0;
  readonly #placesMax: number;
  readonly #newest = SYMBOLS.map(() => Number.NEGATIVE_INFINITY);
  /** Of each symbol minima, maxima. */
  readonly #deques = SYMBOLS.map(() => [1, -1].map((sign) => ({ sign, places: [] as Tick[] })));

  constructor(placesMax: number) {
    this.#placesMax = placesMax;
  }

  take(tick: Tick): void {
    const { price, symbol, time } = tick;
    if (time < (this.#newest[symbol] as number)) return;
    this.#newest[symbol] = time;
    for (const deque of this.#deques[symbol] ?? []) {
      const before = deque.places.length;
      const others = this.#held() - shared(before);
      const kept = deque.places.filter((place) => place.time >= time - WINDOW_MS);
      while (kept.length > 0 && deque.sign * (kept.at(-1)?.price ?? 0) >= deque.sign * price) {
        kept.pop();
      }
      if (kept.at(-1)?.time !== time) {
        const after = kept.length + 1;
        const grows = shared(after) > shared(before);
        if (grows && others + shared(after) > this.#placesMax) {
          const freed = this.#trim(symbol, time);
          if (others - freed + shared(after) > this.#placesMax) {
            kept.shift();
            this.truncated++;
          }
        }
        kept.push(tick);
      }
      deque.places = kept;
    }
  }

  /** Symbols without ticks for a window give theirs up. */
  #trim(except: number, time: number): number {
    const held = this.#held();
    const step = WINDOW_MS / 16;
    const since = Math.floor((time - WINDOW_MS) / step) * step;
    for (const [symbol, deques] of this.#deques.entries()) {
      if (symbol === except || (this.#newest[symbol] as number) >= since) continue;
      for (const deque of deques) {
        if (shared(deque.places.length) > 0) deque.places = deque.places.slice(-1);
      }
    }
    return held - this.#held();
  }

  #held(): number {
    return this.#deques.flat().reduce((sum, { places }) => sum + shared(places.length), 0);
  }

  get windows() {
    const own = this.#deques.map((deques, symbol) => [
      SYMBOLS[symbol],
      deques.map(({ places }) => places.flatMap(({ time, price }) => [time, price])),
    ]);
    return Object.fromEntries(own.filter((_, i) => (this.#newest[i] as number) > 0));
  }
}

const shared = (places: number) => (places > OWN_PLACES ? places : 0);

/** Symbols that fall or rise for a while, some at once, and rest in between. */
const runs = fc.array(
  fc.record({
    symbols: fc.uniqueArray(fc.nat({ max: 7 }), { minLength: 1 }),
    ticks: fc.nat({ max: 60 }),
    by: fc.constantFrom(-3, -1, 0, 1, 3),
    wait: fc.constantFrom(0, 0.25, 1, 5),
    rest: fc.constantFrom(0, 0, 3, 40, 200, 1000),
    late: fc.constantFrom(0, 0, 0, 2, 50, 300),
  }),
  { minLength: 2, maxLength: 14 },
);
/** Clocks of some symbols are behind. */
const clocks = fc.array(fc.constantFrom(0, 0, 0, 100, 250, 2000), { minLength: 8, maxLength: 8 });
const stories = fc.tuple(runs, clocks).map(([all, behind]) => {
  const prices = SYMBOLS.map(() => 1000);
  let time = T0;
  return all.flatMap(({ by, late, rest, symbols, ticks, wait }) => {
    time += rest;
    return Array.from({ length: ticks }, (_, i) => {
      time += wait;
      return symbols.map((symbol) => {
        const price = Math.max(1, (prices[symbol] as number) + by);
        prices[symbol] = price;
        const own = time - (behind[symbol] as number);
        return { symbol, price, time: i % 5 === 4 ? own - late : own };
      });
    }).flat();
  });
});
const places = fc.constantFrom(5, 17, 40, 100, 300);

describe('the windows of a shard at their bound', () => {
  it('hold what the definition says, whatever was in which block', () => {
    let truncated = 0;
    fc.assert(
      fc.property(stories, places, (ticks, placesMax) => {
        const shard = new Shard({ places: placesMax });
        const definition = new Definition(placesMax);
        for (const [i, tick] of ticks.entries()) {
          shard.take(tick);
          definition.take(tick);
          if (i % 250 === 0) expect(shard.windows, `tick ${i}`).toEqual(definition.windows);
        }
        expect(shard.windows).toEqual(definition.windows);
        truncated += definition.truncated;
      }),
      { numRuns: 150 },
    );
    expect(truncated).toBeGreaterThan(1000);
  });

  it('do not depend on who owned it: the same anomalies, and the same in the end', () => {
    const late = fc.constantFrom('fold' as const, 'ignore' as const);
    const changes = fc.uniqueArray(fc.nat({ max: 2000 }), { maxLength: 6 });
    let anomalies = 0;
    fc.assert(
      fc.property(stories, places, late, changes, (ticks, placesMax, lateTicks, at) => {
        const options = { places: placesMax, lateTicks };
        const [whole, handed] = [new Shard(options), new Shard(options)];
        for (const [i, tick] of ticks.entries()) {
          if (at.includes(i)) handed.handOver();
          whole.take(tick);
          handed.take(tick);
        }
        expect(handed.anomalies).toEqual(whole.anomalies);
        expect(handed.windows).toEqual(whole.windows);
        anomalies += whole.anomalies.length;
      }),
      { numRuns: 150 },
    );
    expect(anomalies).toBeGreaterThan(1000);
  });

  it('have a block for every place, though others keep blocks that they do not fill', () => {
    const options = { places: 128 };
    const definition = new Definition(options.places);
    const [whole, handed] = [new Shard(options), new Shard(options)];
    let time = T0;
    const take = (symbol: number, price: number) => {
      time += 0.01;
      const tick = { symbol, price, time };
      for (const each of [whole, handed, definition]) each.take(tick);
    };
    for (let round = 0; round < 10; round++) {
      for (let symbol = 0; symbol < SYMBOLS.length; symbol++) {
        const places = 5 + ((symbol * 7 + round * 13) % 60);
        for (let i = 0; i < places; i++) take(symbol, 1000 - i);
        // One place is left, in a block for many.
        if (symbol % 3 !== round % 3) take(symbol, 2000);
      }
      expect(whole.windows, `round ${round}`).toEqual(definition.windows);
      expect(handed.windows, `round ${round}`).toEqual(definition.windows);
      handed.handOver();
    }
    expect(handed.anomalies).toEqual(whole.anomalies);
    expect(definition.truncated).toBeGreaterThan(0);
  });
});
