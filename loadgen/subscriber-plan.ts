import { Random } from '../testkit/random.ts';

/** What one subscriber of a run does. */
export interface SubscriberPlan {
  readonly index: number;
  readonly patterns: readonly string[];
  /** Stops reading now and then. */
  readonly isSlow: boolean;
}

export interface PlanOptions {
  readonly seed: number;
  readonly subscribers: number;
  /** Symbols that each subscribes. */
  readonly subscriptions: number;
  /** How many subscribe to everything instead: the first ones. */
  readonly wildcards: number;
  /** How many are slow: the last ones. */
  readonly slow: number;
}

/** Who subscribes to what: symbols are drawn evenly and without repetition, by the seed. */
export function planSubscribers(
  options: PlanOptions,
  symbols: readonly string[],
): SubscriberPlan[] {
  const { seed, subscribers, subscriptions, wildcards, slow } = options;
  return Array.from({ length: subscribers }, (_, index) => {
    const random = new Random(seed + 1 + index);
    const drawn = random.sample(subscriptions, symbols.length).map((i) => symbols[i] as string);
    return {
      index,
      patterns: index < wildcards ? ['*'] : drawn,
      isSlow: index >= subscribers - slow,
    };
  });
}
