import type { EffectiveRule, Level } from './effective-rule.ts';

/*
 * The tick being judged, in memory: doubles that are passed or returned would be boxed.
 *
 *   TIME, PRICE, ARRIVAL      of the tick; ARRIVAL: when it was received; -1: it was held back
 *   LAST_TIME, LAST_PRICE     of the tick that took part before; price 0: there is none
 *   AVERAGE                   the moving average before this tick; 0: none
 *   IS_FIRST                  1: no tick of the symbol took part before; else 0
 *   SINCE                     the oldest time of a spike's window
 *   LOWEST, HIGHEST           prices from then on
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
} as const;

/** The place in the move of a change, in percent, which is followed by where it is from. */
export type Change = typeof Move.UP | typeof Move.DOWN | typeof Move.BACK | typeof Move.FURTHER;

export function createMove(): Float64Array {
  return new Float64Array(20);
}

/** Points within which a change equals a threshold in percent, as for anomalies. */
const EQUAL_WITHIN = 1e-9;
/** Part of the reference within which a move equals `minMove`. */
const EQUAL_MOVE = 1e-11;

/** Whether a change is beyond a threshold, which is at a place in `move`, and `minMove`. */
export function isBeyond(
  rule: EffectiveRule,
  level: Level,
  move: Float64Array,
  threshold: typeof Move.WARNING | typeof Move.CRITICAL,
  change: Change,
): boolean {
  const excess = Math.abs(move[change] as number) - (move[threshold] as number);
  if (!(level.isSigma ? excess > 0 : excess > EQUAL_WITHIN)) return false;
  const from = move[change + 1] as number;
  return Math.abs((move[Move.PRICE] as number) - from) - rule.minMove > EQUAL_MOVE * from;
}

/** The level of a change: 0 none, 1 warning, 2 critical. */
export function levelOf(rule: EffectiveRule, move: Float64Array, change: Change): 0 | 1 | 2 {
  if (!isBeyond(rule, rule.warning, move, Move.WARNING, change)) return 0;
  const { critical } = rule;
  if (critical === undefined) return 1;
  return isBeyond(rule, critical, move, Move.CRITICAL, change) ? 2 : 1;
}
