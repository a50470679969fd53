import type { RuleKind } from '../protocol/index.ts';
import type { EffectiveRule } from './effective-rule.ts';
import { Move } from './move.ts';

/**
 * Where all those rules of a symbol surely have nothing to say that have nothing to remember of a
 * tick either: the intersection of their quiet zones, so that many cost hardly more than one.
 */
export interface SharedZone {
  /** The slots of these rules. */
  readonly slots: readonly number[];
  /** Those of the others, which are judged one by one. */
  readonly others: readonly number[];
  /** Multiples of the extremes of the longest window, as in a {@link QuietZone} … */
  readonly windowUp: number;
  readonly windowDown: number;
  /** … of the price before … */
  readonly lastUp: number;
  readonly lastDown: number;
  /** … and of the moving average. */
  readonly averageUp: number;
  readonly averageDown: number;
}

export function sharedZone(rules: readonly EffectiveRule[]): SharedZone {
  const places = [...rules.keys()];
  const own = (kind: RuleKind) => rules.filter((rule) => rule.kind === kind && isShared(rule));
  const up = (kind: RuleKind) => Math.min(Infinity, ...own(kind).map(({ quiet }) => quiet.up));
  const down = (kind: RuleKind) => Math.max(0, ...own(kind).map(({ quiet }) => quiet.down));
  return {
    slots: places.filter((place) => isShared(rules[place] as EffectiveRule)),
    others: places.filter((place) => !isShared(rules[place] as EffectiveRule)),
    windowUp: up('spike'),
    windowDown: down('spike'),
    lastUp: up('gap'),
    lastDown: down('gap'),
    averageUp: up('band'),
    averageDown: down('band'),
  };
}

/** Whether the price in `move` is in the zone. */
export function isInZone(zone: SharedZone, move: Float64Array): boolean {
  const price = move[Move.PRICE] as number;
  const last = move[Move.LAST_PRICE] as number;
  const average = move[Move.AVERAGE] as number;
  // The first tick has no last price and no average, and is outside: 0 × Infinity is no number.
  return (
    price < (move[Move.WINDOW_LOWEST] as number) * zone.windowUp &&
    price > (move[Move.WINDOW_HIGHEST] as number) * zone.windowDown &&
    price < last * zone.lastUp &&
    price > last * zone.lastDown &&
    price < average * zone.averageUp &&
    price > average * zone.averageDown
  );
}

function isShared({ around, kind, sigma }: EffectiveRule): boolean {
  if (kind === 'stale') return true;
  if (sigma !== undefined) return false;
  return kind === 'spike' || kind === 'gap' || (kind === 'band' && around === 0);
}
