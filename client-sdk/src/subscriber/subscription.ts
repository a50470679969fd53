import { ALL_FIELDS, type ErrorName } from '../../../src/protocol/index.ts';
import { check, checkOptions, fault, type Rules } from '../value-checks.ts';

/** What a subscription asks for. */
export interface SubscriptionOptions {
  /** Whether to send statistics; default true. */
  readonly stats?: boolean;
  /** Whether to send anomalies; default true. */
  readonly anomalies?: boolean;
  /** Which statistics, as bits of `Field`; default 63, all. */
  readonly fields?: number;
  /** Symbol → sequence of the last anomaly seen: later ones are delivered first. */
  readonly since?: ReadonlyMap<string, number>;
  /** Whether to send alerts of the server's rules; default false. */
  readonly alerts?: boolean;
  /** Symbol → sequence of the last alert seen: later ones are delivered first. */
  readonly alertsSince?: ReadonlyMap<string, number>;
}

/** A sequence of an anomaly, or 0. */
export const SEQUENCE_RANGE = { min: 0, unit: 'anomalies', isInteger: true };

const RULES: Rules<SubscriptionOptions> = {
  stats: ['boolean'],
  anomalies: ['boolean'],
  fields: { min: 1, max: ALL_FIELDS, unit: 'bits of Field', isInteger: true },
  since: (name, value) => checkSince(name, value, 'anomalies'),
  alerts: ['boolean'],
  alertsSince: (name, value) => checkSince(name, value, 'alerts'),
};

function checkSince(name: string, value: unknown, unit: string): void {
  if (!(value instanceof Map)) throw new TypeError(fault(name, 'a Map', value));
  const range = { ...SEQUENCE_RANGE, unit };
  for (const [symbol, sequence] of value) check(`${name} of ${symbol}`, sequence, range);
}

/** @throws TypeError or RangeError that names the option, what was expected, and what was given */
export function checkSubscription(options: SubscriptionOptions): void {
  checkOptions(options, RULES);
}

/** @throws TypeError for anything but strings */
export function patternList(patterns: string | readonly string[]): readonly string[] {
  const list = typeof patterns === 'string' ? [patterns] : patterns;
  if (!Array.isArray(list)) {
    throw new TypeError(fault('patterns', 'a string or an array of strings', patterns));
  }
  for (const [i, pattern] of list.entries()) check(`patterns[${i}]`, pattern, ['string']);
  return [...list];
}

/** A pattern that the server refused. */
export interface Refusal {
  /** The pattern as requested. */
  readonly pattern: string;
  /** One of `ErrorCode`. */
  readonly code: number;
  /** Name of the code; undefined if this client does not know it. */
  readonly reason: ErrorName | undefined;
}

/** What a subscription needs from its subscriber. */
export interface SubscriptionOwner {
  /** Resolves when the server has answered for each pattern. */
  answered(subscription: Subscription): Promise<readonly Refusal[]>;
  /** Removes the subscription. */
  remove(subscription: Subscription): void;
}

/**
 * An interest in some patterns, kept across reconnects until it is unsubscribed. Overlapping
 * interests in a pattern are subscribed once, with the union of their options.
 */
export class Subscription {
  /** The patterns. */
  readonly patterns: readonly string[];
  /** The options. */
  readonly options: SubscriptionOptions;
  readonly #owner: SubscriptionOwner;

  /** Made by `Subscriber.subscribe`. */
  constructor(patterns: readonly string[], options: SubscriptionOptions, owner: SubscriptionOwner) {
    this.patterns = patterns;
    this.options = options;
    this.#owner = owner;
  }

  /**
   * Resolves once the server has answered, with the patterns that it refused; entries follow. Also
   * resolves if it was unsubscribed before.
   *
   * @throws Error (rejects) if the subscriber is closed before
   */
  get ready(): Promise<readonly Refusal[]> {
    return this.#owner.answered(this);
  }

  /** Unsubscribes. Symbols that no other subscription covers leave the mirror. */
  unsubscribe(): void {
    this.#owner.remove(this);
  }
}
