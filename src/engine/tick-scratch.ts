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
 *   ARRIVED            when it was received
 *   WATERMARK          ticks that wait leave their buffer up to this time
 *   NEWEST_…           the tick that is judged once more, where it is older
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
  ARRIVED: 7,
  WATERMARK: 8,
  NEWEST_TIME: 9,
  NEWEST_PRICE: 10,
} as const;

export function createTickScratch(): TickScratch {
  return new Float64Array(11);
}
