import { fc } from '../../testkit/fast-check.ts';

const view = new DataView(new ArrayBuffer(8));

/** The double whose bits are the two words. */
function doubleOf(high: number, low: number): number {
  view.setUint32(0, high);
  view.setUint32(4, low);
  return view.getFloat64(0);
}

const anyDouble = fc
  .tuple(fc.integer({ min: 0, max: 0x7fef_ffff }), fc.integer({ min: 0, max: 0xffff_ffff }))
  .map(([high, low]) => doubleOf(high, low) || Number.MIN_VALUE);

/** Every price that a tick may have, with those at the ends of the range more often. */
export const wildPrices: fc.Arbitrary<number> = fc.oneof(
  { weight: 4, arbitrary: anyDouble },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 20 }).map((n) => n * Number.MIN_VALUE) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 9 }).map((n) => doubleOf(0x7fef_ffff - n, 7)) },
  { weight: 2, arbitrary: fc.constantFrom(Number.MAX_VALUE, 1e40, 1e20, 1e18, 1, 0.1, 1e-8) },
  { weight: 2, arbitrary: fc.integer({ min: -1074, max: 1023 }).map((n) => 2 ** n) },
  { weight: 3, arbitrary: fc.double({ min: 1, max: 100_000, noNaN: true }) },
);
