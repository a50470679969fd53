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
} as const;

export function createMove(): Float64Array {
  return new Float64Array(16);
}

/** Points within which a change equals a threshold in percent, as for anomalies. */
const EQUAL_WITHIN = 1e-9;
/** Part of the reference within which a move equals `minMove`. */
const EQUAL_MOVE = 1e-11;

/** Whether a move from a price by so many points is beyond a threshold and `minMove`. */
export function isBeyond(
  rule: EffectiveRule,
  level: Level,
  threshold: number,
  change: number,
  from: number,
  price: number,
): boolean {
  const excess = Math.abs(change) - threshold;
  if (!(level.isSigma ? excess > 0 : excess > EQUAL_WITHIN)) return false;
  return Math.abs(price - from) - rule.minMove > EQUAL_MOVE * from;
}

/** The level of such a move: 0 none, 1 warning, 2 critical. The thresholds are in `move`. */
export function levelOf(
  rule: EffectiveRule,
  move: Float64Array,
  change: number,
  from: number,
  price: number,
): 0 | 1 | 2 {
  const warning = move[Move.WARNING] as number;
  if (!isBeyond(rule, rule.warning, warning, change, from, price)) return 0;
  const { critical } = rule;
  if (critical === undefined) return 1;
  const threshold = move[Move.CRITICAL] as number;
  return isBeyond(rule, critical, threshold, change, from, price) ? 2 : 1;
}
