/*
 * The tick being applied, in memory: a double that is passed to or returned from a call that the
 * compiler does not inline is boxed, 16 bytes each time, and which calls it inlines changes with
 * the load.
 *
 *   PRICE, TIME        of the tick
 *   TAKEN              prices that the moving average of its symbol took before it
 *   OLDEST             the oldest time still in its window
 *   AVERAGE            the moving average including it
 *   MINIMUM, MAXIMUM   of its window
 */
export type TickScratch = Float64Array;

export const TickDouble = {
  PRICE: 0,
  TIME: 1,
  TAKEN: 2,
  OLDEST: 3,
  AVERAGE: 4,
  MINIMUM: 5,
  MAXIMUM: 6,
} as const;

export function createTickScratch(): TickScratch {
  return new Float64Array(7);
}
