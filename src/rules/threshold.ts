import type { EffectiveRule, Level } from './effective-rule.ts';
import { type Change, Move } from './move.ts';

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
