import type { RuleKind } from '../protocol/index.ts';
import { Move } from './move.ts';
import { Flag } from './rule-memory.ts';
import type { HoursSettings } from './rule-types.ts';

/**
 * Where a rule surely has nothing to say: what nearly every tick is found to be in, by two
 * multiplications. Outside, the exact test decides.
 */
export interface QuietZone {
  /** A price below `up` × the price at `lowest` in the move is no move up … */
  readonly up: number;
  readonly lowest: number;
  /** … and one above `down` × the price at `highest` no move down. */
  readonly down: number;
  readonly highest: number;
  /** Only where the rule's flags are these, of those in `mask`. */
  readonly flags: number;
  readonly mask: number;
}

/** Relative margin: more than any rounding error, far less than any threshold. */
const ROUNDING = 1e-12;
/** No price is in it. */
const NOWHERE: QuietZone = { up: 0, down: 0, lowest: 0, highest: 0, flags: 0, mask: 0 };

/**
 * Between these multiples of a price, no other one is beyond a threshold from it, whatever rounding
 * does. Equal prices may be: a product may be rounded to one, as often below 1e-307.
 *
 * @param percent of the threshold
 */
export function quietMultiples(percent: number): { readonly up: number; readonly down: number } {
  const share = percent / 100;
  return { up: (1 + share) * (1 - ROUNDING), down: (1 - share) * (1 + ROUNDING) };
}

/**
 * @param percent the lowest that the warning can be, before it is multiplied for the hour
 * @param around of a band; 0: the moving average
 */
export function quietZone(
  kind: RuleKind,
  percent: number,
  around: number,
  hours: HoursSettings | undefined,
): QuietZone {
  const scales = hours?.scale.map(({ by }) => by) ?? [];
  const zone = {
    ...quietMultiples(percent * Math.min(1, ...scales)),
    flags: Flag.BEGUN,
    mask: Flag.BEGUN | Flag.OPEN,
  };
  switch (kind) {
    case 'spike':
      return { ...zone, lowest: Move.WINDOW_LOWEST, highest: Move.WINDOW_HIGHEST };
    case 'gap':
      return { ...zone, lowest: Move.LAST_PRICE, highest: Move.LAST_PRICE };
    case 'drift':
      return { ...zone, lowest: Move.UP_FROM, highest: Move.UP_FROM };
    case 'band': {
      if (around !== 0) return NOWHERE;
      const flags = zone.flags | Flag.ARMED;
      const mask = zone.mask | Flag.ARMED;
      return { ...zone, lowest: Move.AVERAGE, highest: Move.AVERAGE, flags, mask };
    }
    case 'module':
      return NOWHERE;
    case 'stale':
      return { ...NOWHERE, mask: Flag.OPEN | Flag.SPOKEN };
  }
}
