import { describe, expect, it } from 'vitest';
import { createSymbolRecords, SymbolRecords } from '../../src/engine/memory/symbol-records.ts';
import { MovingAverage } from '../../src/engine/moving-average.ts';
import { createTickScratch, TickDouble } from '../../src/engine/tick-scratch.ts';
import { fc } from '../../testkit/fast-check.ts';
import { exactMean, ulpsBetween } from '../../testkit/independent/exact-mean.ts';
import { Random } from '../../testkit/random.ts';
import { wildPrices } from '../support/wild-prices.ts';

const ULPS = 2;

/** Pushes prices and holds each average against the exact mean, computed in whole numbers. */
class MeanRig {
  readonly #average: MovingAverage;
  readonly #window: number;
  readonly #tick = createTickScratch();
  readonly #prices: number[] = [];

  constructor(window: number) {
    this.#window = window;
    this.#average = new MovingAverage(
      new SymbolRecords(createSymbolRecords(1, window), window),
      window,
    );
  }

  push(price: number): number {
    this.#tick[TickDouble.PRICE] = price;
    this.#tick[TickDouble.TAKEN] = this.#prices.length;
    this.#average.push(0, this.#tick);
    this.#prices.push(price);
    return this.#tick[TickDouble.AVERAGE] as number;
  }

  check(average: number): void {
    const ring = this.#prices.slice(-this.#window);
    const exact = exactMean(ring);
    const fault = `tick ${this.#prices.length}: ${average}, exactly ${exact}`;
    if (ulpsBetween(average, exact) > ULPS) expect.unreachable(fault);
    if (average < Math.min(...ring) || average > Math.max(...ring)) expect.unreachable(fault);
  }

  pushAll(prices: readonly number[]): void {
    for (const price of prices) this.check(this.push(price));
  }
}

const repeat = (count: number, price: number) => Array.from({ length: count }, () => price);

describe('the moving average is within 2 ulp of the exact mean', () => {
  it.each([
    ['the largest price', repeat(12, Number.MAX_VALUE)],
    ['the smallest price', repeat(200, Number.MIN_VALUE)],
    ['a price that swallowed the others', [1, 1, 1, 1e40, 1e20, ...repeat(200, 1)]],
    ['the same among usual prices', [...repeat(3, 64250.5), 1e40, 1e20, ...repeat(200, 64250.5)]],
    ['small ones among large', [...repeat(70, 1e18), 1e-8, ...repeat(200, 1e-8)]],
    ['equal prices that are no sum of powers of two', repeat(300, 0.1)],
    ['large ones that leave', [...repeat(64, Number.MAX_VALUE), ...repeat(200, Number.MIN_VALUE)]],
    ['falling steps', Array.from({ length: 400 }, (_, i) => 2 ** (1023 - 5 * i) || 5e-324)],
    ['one below the sum that is scaled', [...repeat(3, 2 ** 999), ...repeat(99, 3), 2 ** 1000]],
  ])('%s', (_name, prices) => {
    for (const window of [1, 2, 3, 7, 64, 100]) new MeanRig(window).pushAll(prices);
  });

  it('for any prices and windows', () => {
    const window = fc.oneof(fc.constantFrom(1, 2, 3, 64), fc.integer({ min: 1, max: 80 }));
    fc.assert(
      fc.property(window, fc.array(wildPrices, { minLength: 1, maxLength: 250 }), (size, prices) =>
        new MeanRig(size).pushAll(prices),
      ),
      { numRuns: 300 },
    );
  });

  it('in the largest window', () => {
    const random = new Random(65_536);
    const rig = new MeanRig(65_536);
    for (let i = 0; i < 140_000; i++) {
      const isSpike = random.chance(0.0001);
      const average = rig.push(isSpike ? 10 ** (300 * random.float()) : 1 + random.float());
      if (i % 14_983 === 0) rig.check(average);
    }
  });
});

it('rebuilds at most 90 times a window, even for prices that fall all the time', () => {
  const window = 4096;
  const average = new MovingAverage(
    new SymbolRecords(createSymbolRecords(1, window), window),
    window,
  );
  let rebuilds = 0;
  const rebuild = average.rebuild.bind(average);
  average.rebuild = (symbolId, filled) => {
    rebuilds++;
    rebuild(symbolId, filled);
  };
  const tick = createTickScratch();
  for (let i = 0; i < 10 * window; i++) {
    // From the largest to the smallest price once a window.
    tick[TickDouble.PRICE] = Math.max(2 ** (1023 - ((i % window) * 2097) / window), 5e-324);
    tick[TickDouble.TAKEN] = i;
    average.push(0, tick);
  }
  expect(rebuilds).toBeLessThan(10 * 91);
  // Each fall was met.
  expect(rebuilds).toBeGreaterThan(10);
});
