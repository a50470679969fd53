import { DRIFT_BUCKETS, type EffectiveRule } from './effective-rule.ts';
import { Move } from './move.ts';
import { DRIFT_FROM, DRIFT_RING, HISTORY_DOUBLES, type SlotView } from './rule-memory.ts';

const NEWEST = 0;
const FIRST = 1;
const EXACT_MAX = 2 ** 45;

/**
 * The price of a symbol at the ends of the last 17 buckets of time, for a drift. Call once a tick:
 * writes the price 16 buckets ago to `move` at `into`, 0 if there was none, then enters the tick.
 */
export function passDriftHistory(
  { bucketMs }: EffectiveRule,
  { histories }: SlotView,
  symbolId: number,
  move: Float64Array,
  into: number,
): void {
  const at = symbolId * HISTORY_DOUBLES;
  const ring = at + DRIFT_FROM;
  const bucket = Math.floor((move[Move.TIME] as number) / bucketMs);
  const price = move[Move.PRICE] as number;
  const place = placeOf(bucket);
  // A price is never 0: the place of the newest bucket tells whether there is one.
  const newest = histories[at + NEWEST] as number;
  const last = histories[ring + (newest === bucket ? place : placeOf(newest))] as number;
  if (last === 0) {
    histories[at + FIRST] = bucket;
  } else if (bucket > newest) {
    const passed = Math.min(bucket - newest, DRIFT_RING);
    // Beyond 2^53 a bucket may equal the next one: go by their distance.
    for (let i = 1; i < passed; i++) histories[ring + placeOf(newest + i)] = last;
    if (passed === DRIFT_RING) histories.fill(last, ring, ring + DRIFT_RING);
  }
  histories[at + NEWEST] = bucket;
  const then = bucket - DRIFT_BUCKETS;
  const isKnown = last !== 0 && then >= (histories[at + FIRST] as number);
  move[into] = isKnown ? (histories[ring + placeOf(then)] as number) : 0;
  histories[ring + place] = price;
}

/** A bucket modulo the ring. The remainder of doubles is slow: up to here a quotient is exact. */
function placeOf(bucket: number): number {
  if (bucket > EXACT_MAX) return bucket % DRIFT_RING;
  return bucket - Math.floor(bucket / DRIFT_RING) * DRIFT_RING;
}
