import { Random } from '../../testkit/random.ts';

export interface SubscriptionPlan {
  readonly sessions: number;
  readonly perSession: number;
  /** `perSession` symbol indexes for each session in turn. */
  readonly picks: Int32Array;
}

export interface PlanOptions {
  readonly sessions: number;
  readonly perSession: number;
  readonly symbols: number;
  readonly seed: number;
}

/**
 * Deals symbols like cards, from decks with one of each: random, subscriber counts differ by at
 * most one, and no session gets a symbol twice.
 */
export function planSubscriptions(options: PlanOptions): SubscriptionPlan {
  const { sessions, perSession, symbols, seed } = options;
  if (perSession > symbols) throw new RangeError(`${perSession} of ${symbols} symbols`);
  const random = new Random(seed);
  const picks = new Int32Array(sessions * perSession);
  let deck: number[] = [];
  for (let session = 0; session < sessions; session++) {
    const hand = deck.splice(0, perSession);
    if (hand.length < perSession) {
      const held = new Set(hand);
      const fresh = random.sample(symbols, symbols);
      const others = fresh.filter((symbol) => !held.has(symbol));
      const drawn = new Set(others.slice(0, perSession - hand.length));
      hand.push(...drawn);
      deck = fresh.filter((symbol) => !drawn.has(symbol));
    }
    picks.set(hand, session * perSession);
  }
  return { sessions, perSession, picks };
}

/** Subscriber count by symbol. */
export function subscribersOf(plan: SubscriptionPlan, symbols: number): Float64Array {
  const counts = new Float64Array(symbols);
  for (const symbol of plan.picks) (counts[symbol] as number) += 1;
  return counts;
}
