import { expect, it } from 'vitest';
import { fc } from '../../testkit/fast-check.ts';
import { unitsOf } from '../../testkit/independent/exact-mean.ts';
import { createSmallMemory, PartitionRig, smallRules } from '../support/partition-rig.ts';
import { wildPrices } from '../support/wild-prices.ts';

const EQUAL_WITHIN = 1e-9;
/** Parts of a change that rounding in doubles may shift it by. */
const ROUNDING_PARTS = 2n ** 49n;
const UNITS_OF_ONE = 2n ** 1074n;

type Verdict = 'beyond' | 'within' | 'either';

/** Whether the change to `price` is beyond the threshold, in whole numbers. */
function verdictOf(reference: number, price: number, threshold: number): Verdict {
  const distance = unitsOf(price) - unitsOf(reference);
  const change = (distance < 0n ? -distance : distance) * 100n * UNITS_OF_ONE;
  const bound = (unitsOf(threshold) + unitsOf(EQUAL_WITHIN)) * unitsOf(reference);
  const off = change > bound ? change - bound : bound - change;
  if (off * ROUNDING_PARTS <= bound) return 'either';
  return change > bound ? 'beyond' : 'within';
}

/** Applies the prices, all within one window, and judges each move from its extremes exactly. */
function expectExact(prices: readonly number[], anomalyThresholdPercent: number): void {
  const rules = smallRules({ anomalyThresholdPercent, slidingWindowMilliseconds: 1000 });
  const rig = new PartitionRig(createSmallMemory({ symbols: 1, movingAverageWindow: 4 }), rules);
  let [min, max, known] = [Number.POSITIVE_INFINITY, 0, 0];
  for (const [index, price] of prices.entries()) {
    min = Math.min(min, price);
    max = Math.max(max, price);
    rig.apply(0, { price, time: 1000 + index });
    const raised = rig.anomalies.of(0).slice(known);
    known += raised.length;
    for (const [direction, reference] of [[1, min] as const, [-1, max] as const]) {
      const found = raised.find((anomaly) => anomaly.direction === direction);
      const verdict = verdictOf(reference, price, anomalyThresholdPercent);
      const what = `${price} from ${reference}, ${anomalyThresholdPercent} %`;
      if (verdict !== 'either') expect(found !== undefined, what).toBe(verdict === 'beyond');
      if (found === undefined) continue;
      expect(found.reference, what).toBe(reference);
      expect(Number.isFinite(found.changePercent), what).toBe(true);
    }
  }
}

const units = (...counts: number[]) => counts.map((count) => count * Number.MIN_VALUE);

it.each([
  ['multiples of the smallest price', 99.999, units(1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 1)],
  ['the same, downwards', 53.3, units(9, 8, 7, 6, 5, 4, 3, 2, 1)],
  ['the largest prices', 0.5, [Number.MAX_VALUE / 1.01, Number.MAX_VALUE, 1e308]],
  ['from the smallest to the largest', 99.999, [5e-324, Number.MAX_VALUE, 5e-324]],
  ['a threshold that no double exceeds', Number.MAX_VALUE, [5e-324, Number.MAX_VALUE, 1, 2]],
  ['a threshold near none', Number.MIN_VALUE, [1, 1, 1 + 2 ** -52, 1.000001, 1]],
  ['a fall by everything', 100, [Number.MAX_VALUE, 5e-324, 5e-324]],
])('exact for %s', (_name, threshold, prices) => {
  expectExact(prices, threshold);
});

it('is exact for any prices and any threshold that may be configured', () => {
  const small = fc.integer({ min: 1, max: 40 }).map((count) => count * Number.MIN_VALUE);
  const thresholds = fc.oneof(
    fc.constantFrom(2, 99.999, 100, 0.5, 50, 300),
    fc.double({ min: 1e-6, max: 1000, noNaN: true }),
    wildPrices,
  );
  const prices = fc.oneof(
    fc.array(small, { minLength: 2, maxLength: 12 }),
    fc.array(wildPrices, { minLength: 2, maxLength: 12 }),
    // Around the threshold.
    fc
      .tuple(wildPrices, fc.array(fc.integer({ min: 900, max: 1100 }), { maxLength: 8 }))
      .map(([price, steps]) => [price, ...steps.map((step) => (price / 1000) * step)])
      .filter((list) => list.every((price) => price > 0 && Number.isFinite(price))),
  );
  fc.assert(fc.property(prices, thresholds, expectExact), { numRuns: 3000 });
});
