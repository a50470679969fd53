/*
 * The tick being judged, in memory: doubles that are passed or returned would be boxed.
 *
 *   TIME, PRICE, ARRIVAL      of the tick; ARRIVAL: when it was received; -1: it was held back
 *   LAST_TIME, LAST_PRICE     of the tick that took part before; price 0: there is none
 *   AVERAGE                   the moving average before this tick; 0: none
 *   IS_FIRST                  1: no tick of the symbol took part before; else 0
 *   SINCE                     the oldest time of a spike's window
 *   LOWEST, HIGHEST           prices from then on
 *   WINDOW_LOWEST, _HIGHEST   prices of the longest window of the symbol
 *   UP, UP_FROM               the change up, and from where; UP is 0 if there is none
 *   DOWN, DOWN_FROM           the change down, at or below 0
 *   WARNING, CRITICAL         thresholds in points, multiplied for the hour
 *   BACK, ORIGIN              the change since an episode began, and from where
 *   FURTHER, ANNOUNCED        the change since its last alert, and from where
 *
 * A change and where it is from stand side by side: the place of the first names both.
 */
export const Move = {
  TIME: 0,
  PRICE: 1,
  ARRIVAL: 2,
  LAST_TIME: 3,
  LAST_PRICE: 4,
  AVERAGE: 5,
  SINCE: 6,
  LOWEST: 7,
  HIGHEST: 8,
  UP: 9,
  UP_FROM: 10,
  DOWN: 11,
  DOWN_FROM: 12,
  WARNING: 13,
  CRITICAL: 14,
  IS_FIRST: 15,
  BACK: 16,
  ORIGIN: 17,
  FURTHER: 18,
  ANNOUNCED: 19,
  WINDOW_LOWEST: 20,
  WINDOW_HIGHEST: 21,
} as const;

/** The place in the move of a change, in percent, which is followed by where it is from. */
export type Change = typeof Move.UP | typeof Move.DOWN | typeof Move.BACK | typeof Move.FURTHER;

export function createMove(): Float64Array {
  return new Float64Array(22);
}
