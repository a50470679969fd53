import type { ErrorName } from '../../../src/protocol/index.ts';

/** What a subscription asks for. */
export interface SubscriptionOptions {
  /** Statistics wanted; default true. */
  readonly stats?: boolean;
  /** Anomalies wanted; default true. */
  readonly anomalies?: boolean;
  /** Which statistics, as bits of `Field`; default 63, all of them. */
  readonly fields?: number;
  /** Symbol → sequence of the last anomaly seen: what came after it is delivered first. */
  readonly since?: ReadonlyMap<string, number>;
}

/** A pattern that the server refused. */
export interface Refusal {
  /** The pattern, as it was asked for. */
  readonly pattern: string;
  /** One of `ErrorCode`. */
  readonly code: number;
  /** The name of the code; undefined for one that this client does not know. */
  readonly reason: ErrorName | undefined;
}

/** What a subscription needs of its subscriber. */
export interface SubscriptionOwner {
  /** Resolves when the server answered for each of the patterns. */
  answered(subscription: Subscription): Promise<readonly Refusal[]>;
  /** Gives up what the subscription asked for. */
  remove(subscription: Subscription): void;
}

/**
 * An interest in some patterns, which lasts over reconnects until it is given up. Several may want the
 * same pattern: it is subscribed once, with the union of what they want.
 */
export class Subscription {
  /** The patterns asked for. */
  readonly patterns: readonly string[];
  /** What was asked for. */
  readonly options: SubscriptionOptions;
  readonly #owner: SubscriptionOwner;

  /** Made by `Subscriber.subscribe`. */
  constructor(patterns: readonly string[], options: SubscriptionOptions, owner: SubscriptionOwner) {
    this.patterns = patterns;
    this.options = options;
    this.#owner = owner;
  }

  /**
   * Resolves once the server has answered, with the patterns that it refused; entries follow. Resolves
   * as well when the interest was given up before.
   *
   * @throws Error (rejects) when the subscriber is closed before
   */
  get ready(): Promise<readonly Refusal[]> {
    return this.#owner.answered(this);
  }

  /** Gives the interest up. Symbols that nothing else covers leave the mirror. */
  unsubscribe(): void {
    this.#owner.remove(this);
  }
}
