import { ALL_FIELDS, isWildcard, patternMatcher } from '../../../src/protocol/index.ts';
import type { Subscription } from './subscription.ts';

/** The options of a pattern on the wire. */
export interface Interest {
  readonly stats: boolean;
  readonly anomalies: boolean;
  readonly alerts: boolean;
  readonly fields: number;
}

/** The server's state is unknown; differs from any real interest. */
const UNKNOWN: Interest = { stats: false, anomalies: false, alerts: false, fields: 0 };

/** One pattern: its subscriptions, what was sent to the server, and its answer. */
class HeldPattern {
  readonly pattern: string;
  readonly matches: (symbol: string) => boolean;
  readonly wantedBy = new Set<Subscription>();
  /** What was last sent in this session; undefined: nothing, or UNSUBSCRIBE. */
  sent: Interest | undefined;
  /** The server's last answer: 0 or an error code; undefined before the first. */
  code: number | undefined;
  /**
   * Whether entries come: confirmed in this session, with statistics; or in the last one, until the
   * server has answered in this one.
   */
  bringsStats = false;

  constructor(pattern: string) {
    this.pattern = pattern;
    this.matches = patternMatcher(pattern);
  }

  /** The union of its subscriptions' options; undefined without subscriptions. */
  get interest(): Interest | undefined {
    if (this.wantedBy.size === 0) return undefined;
    const interest = { ...UNKNOWN };
    for (const { options } of this.wantedBy) {
      const { stats = true, anomalies = true, alerts = false, fields = ALL_FIELDS } = options;
      interest.stats ||= stats;
      interest.anomalies ||= anomalies;
      interest.alerts ||= alerts;
      if (stats) interest.fields |= fields;
    }
    if (!interest.stats) interest.fields = ALL_FIELDS;
    return interest;
  }
}

/** Patterns to be subscribed with the same options. */
export interface SubscribeGroup {
  readonly interest: Interest;
  readonly patterns: readonly string[];
}

/** What must be sent to the server. */
export interface DueRequests {
  readonly subscribe: readonly SubscribeGroup[];
  readonly unsubscribe: readonly string[];
}

/** The patterns of all subscriptions of a subscriber. */
export class Subscriptions {
  readonly #held = new Map<string, HeldPattern>();
  readonly #wildcards = new Set<HeldPattern>();
  /** Patterns that may have to be sent. */
  readonly #dirty = new Set<HeldPattern>();

  add(subscription: Subscription): void {
    for (const pattern of subscription.patterns) {
      const held = this.#held.get(pattern) ?? this.#hold(pattern);
      held.wantedBy.add(subscription);
      this.#dirty.add(held);
    }
  }

  remove(subscription: Subscription): void {
    for (const pattern of subscription.patterns) {
      const held = this.#held.get(pattern);
      if (held?.wantedBy.delete(subscription)) this.#dirty.add(held);
    }
  }

  /** A new session: the server has no subscriptions yet. */
  restart(): void {
    for (const held of this.#held.values()) {
      held.sent = undefined;
      if (held.wantedBy.size === 0) this.#forget(held);
      else this.#dirty.add(held);
    }
  }

  /** Marks patterns of an unanswered request to be sent again. */
  retry(patterns: readonly string[]): void {
    for (const pattern of patterns) {
      const held = this.#held.get(pattern);
      if (held === undefined) continue;
      held.sent = UNKNOWN;
      this.#dirty.add(held);
    }
  }

  /** What must be sent now; marks it as sent. */
  takeDue(): DueRequests {
    const groups = new Map<string, { interest: Interest; patterns: string[] }>();
    const unsubscribe: string[] = [];
    for (const held of this.#dirty) {
      const { interest, sent, pattern } = held;
      held.sent = interest;
      if (interest === undefined) {
        if (sent !== undefined) unsubscribe.push(pattern);
        else if (!held.bringsStats) this.#forget(held);
      } else if (sent === undefined || keyOf(interest) !== keyOf(sent)) {
        const group = groups.get(keyOf(interest)) ?? { interest, patterns: [] };
        groups.set(keyOf(interest), group);
        group.patterns.push(pattern);
      }
    }
    this.#dirty.clear();
    return { subscribe: [...groups.values()], unsubscribe };
  }

  /** The server's answer to a SUBSCRIBE of a pattern. */
  subscribed(pattern: string, interest: Interest, code: number): void {
    const held = this.#held.get(pattern);
    if (held === undefined) return;
    held.code = code;
    held.bringsStats = code === 0 && interest.stats;
  }

  /** The server answered an UNSUBSCRIBE of a pattern. */
  unsubscribed(pattern: string): void {
    const held = this.#held.get(pattern);
    if (held === undefined) return;
    held.bringsStats = false;
    if (held.wantedBy.size === 0) this.#forget(held);
  }

  /** Whether the server has answered for each pattern that the subscription still holds. */
  isAnswered(subscription: Subscription): boolean {
    return subscription.patterns.every((pattern) => {
      const held = this.#held.get(pattern);
      return held === undefined || held.code !== undefined || !held.wantedBy.has(subscription);
    });
  }

  /** The server's last answer for a pattern: 0, an error code, or undefined before the first. */
  answerTo(pattern: string): number | undefined {
    return this.#held.get(pattern)?.code;
  }

  /** Whether entries of the symbol come, or may come, in this session. */
  covers(symbol: string): boolean {
    if (this.#held.get(symbol)?.bringsStats) return true;
    for (const { bringsStats, matches } of this.#wildcards) {
      if (bringsStats && matches(symbol)) return true;
    }
    return false;
  }

  #hold(pattern: string): HeldPattern {
    const held = new HeldPattern(pattern);
    this.#held.set(pattern, held);
    if (isWildcard(pattern)) this.#wildcards.add(held);
    return held;
  }

  #forget(held: HeldPattern): void {
    this.#held.delete(held.pattern);
    this.#wildcards.delete(held);
    this.#dirty.delete(held);
  }
}

function keyOf(interest: Interest): string {
  return Object.values(interest).join();
}
