import { fc } from '../../testkit/fast-check.ts';
import type { Tick } from '../../testkit/independent/statistics.ts';

/** A tick of one of a few symbols. */
export interface StoryTick extends Tick {
  readonly symbolId: number;
}

/** A symbol's next step: clock advance in ms and price change. */
interface Step {
  readonly symbolId: number;
  readonly wait: number;
  readonly price: (last: number, base: number) => number;
}

/** A price in whole cents, so that the decimal meant by a double is known. */
const cents = (price: number) => Math.min(1e11, Math.max(1, Math.round(price * 100)));

const PRICES: fc.Arbitrary<Step['price']> = fc.oneof(
  fc.constant((last: number) => last),
  fc.constantFrom<Step['price']>(
    // Exactly 2 % and 50 % up, 2 % down and back in decimals; 10.1 -> 10.302.
    (last) => (cents(last) * 102) / 10_000,
    (last) => (cents(last) * 150) / 10_000,
    (last) => (cents(last) * 98) / 10_000,
    (last) => (cents(last) * 100) / 9800,
    (_, base) => base,
    (_, base) => (cents(base) * 102) / 10_000,
    () => 10.1,
    () => 10.302,
    () => 1e12,
  ),
  fc.integer({ min: -300, max: 300 }).map((by) => (last: number) => last * (1 + by / 10_000)),
  fc.double({ min: -6, max: 9, noNaN: true }).map((power) => () => 10 ** power),
);

/** Time steps around the edge cases: none, the window's edge, late, fractional. */
function waits(window: number, fractions: boolean): fc.Arbitrary<number> {
  const whole = [0, 0, 1, 2, window, window + 1, window - 1, Math.ceil(window / 3), -1, -window];
  const fractional = [0.25, 0.5, window + 0.5, window - 0.25, -0.125, 1 / 3];
  return fc.constantFrom(...whole, ...(fractions ? fractional : []));
}

/** Interleaved ticks of `symbols` symbols; a late tick does not set the clock back. */
export function stories(
  symbols: number,
  window: number,
  { fractions = true, maxLength = 150 } = {},
): fc.Arbitrary<StoryTick[]> {
  const step: fc.Arbitrary<Step> = fc.record({
    symbolId: fc.nat({ max: symbols - 1 }),
    wait: waits(window, fractions),
    price: PRICES,
  });
  const base = fc.double({ min: -6, max: 9, noNaN: true }).map((power) => 10 ** power);
  return fc
    .tuple(fc.array(step, { maxLength }), fc.oneof(base, fc.constant(10.1)))
    .map(([steps, basePrice]) => tell(steps, basePrice, symbols));
}

function tell(steps: readonly Step[], base: number, symbols: number): StoryTick[] {
  const clocks = Array.from({ length: symbols }, () => 1_700_000_000_000);
  const prices = Array.from({ length: symbols }, () => base);
  return steps.map(({ symbolId, wait, price }) => {
    const time = (clocks[symbolId] as number) + wait;
    clocks[symbolId] = Math.max(clocks[symbolId] as number, time);
    const next = price(prices[symbolId] as number, base);
    prices[symbolId] = next;
    return { symbolId, price: next, time };
  });
}
