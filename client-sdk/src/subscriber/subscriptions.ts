import { ALL_FIELDS, isWildcard, patternMatcher } from '../../../src/protocol/index.ts';
import type { Subscription } from './subscription.ts';

/** The options of a pattern on the wire. */
export interface Wants {
  readonly stats: boolean;
  readonly anomalies: boolean;
  readonly fields: number;
}

/** What the server was told is not what it took; equal to nothing that is ever wanted. */
const UNSURE: Wants = { stats: false, anomalies: false, fields: 0 };

/** One pattern: who wants it, what the server was told, and what it answered. */
class HeldPattern {
  readonly pattern: string;
  readonly matches: (symbol: string) => boolean;
  readonly wantedBy = new Set<Subscription>();
  /** What this session's server was last told; undefined: nothing, or that it is given up. */
  told: Wants | undefined;
  /** The server's last answer: 0, or why it refused; undefined before the first. */
  code: number | undefined;
  /**
   * Whether entries come: confirmed in this session, with statistics; or in the last one, until the
   * server of this one has answered.
   */
  bringsStats = false;

  constructor(pattern: string) {
    this.pattern = pattern;
    this.matches = patternMatcher(pattern);
  }

  /** The union of what its subscriptions want; undefined where there is none. */
  get wants(): Wants | undefined {
    if (this.wantedBy.size === 0) return undefined;
    const wants = { stats: false, anomalies: false, fields: 0 };
    for (const { options } of this.wantedBy) {
      const { stats = true, anomalies = true, fields = ALL_FIELDS } = options;
      wants.stats ||= stats;
      wants.anomalies ||= anomalies;
      if (stats) wants.fields |= fields;
    }
    if (!wants.stats) wants.fields = ALL_FIELDS;
    return wants;
  }
}

/** Patterns to be subscribed with the same options. */
export interface SubscribeGroup {
  readonly wants: Wants;
  readonly patterns: readonly string[];
}

/** What the server has to be told. */
export interface DueRequests {
  readonly subscribe: readonly SubscribeGroup[];
  readonly unsubscribe: readonly string[];
}

/** The patterns that a subscriber holds, on behalf of all its subscriptions. */
export class Subscriptions {
  readonly #held = new Map<string, HeldPattern>();
  readonly #wildcards = new Set<HeldPattern>();
  /** Patterns about which the server may have to be told something. */
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

  /** A new session, whose server knows nothing yet. */
  restart(): void {
    for (const held of this.#held.values()) {
      held.told = undefined;
      if (held.wantedBy.size === 0) this.#forget(held);
      else this.#dirty.add(held);
    }
  }

  /** Asks again for patterns whose request was not answered. */
  retry(patterns: readonly string[]): void {
    for (const pattern of patterns) {
      const held = this.#held.get(pattern);
      if (held === undefined) continue;
      held.told = UNSURE;
      this.#dirty.add(held);
    }
  }

  /** What the server has to be told now; it counts as told. */
  takeDue(): DueRequests {
    const groups = new Map<string, { wants: Wants; patterns: string[] }>();
    const unsubscribe: string[] = [];
    for (const held of this.#dirty) {
      const { wants, told, pattern } = held;
      held.told = wants;
      if (wants === undefined) {
        if (told !== undefined) unsubscribe.push(pattern);
        else if (!held.bringsStats) this.#forget(held);
      } else if (told === undefined || keyOf(wants) !== keyOf(told)) {
        const group = groups.get(keyOf(wants)) ?? { wants, patterns: [] };
        groups.set(keyOf(wants), group);
        group.patterns.push(pattern);
      }
    }
    this.#dirty.clear();
    return { subscribe: [...groups.values()], unsubscribe };
  }

  /** The server's answer to a pattern that it was asked for. */
  subscribed(pattern: string, wants: Wants, code: number): void {
    const held = this.#held.get(pattern);
    if (held === undefined) return;
    held.code = code;
    held.bringsStats = code === 0 && wants.stats;
  }

  /** The server no longer sends anything for a pattern. */
  unsubscribed(pattern: string): void {
    const held = this.#held.get(pattern);
    if (held === undefined) return;
    held.bringsStats = false;
    if (held.wantedBy.size === 0) this.#forget(held);
  }

  /** Whether the server answered for each pattern that the subscription still holds. */
  isAnswered(subscription: Subscription): boolean {
    return subscription.patterns.every((pattern) => {
      const held = this.#held.get(pattern);
      return held === undefined || held.code !== undefined || !held.wantedBy.has(subscription);
    });
  }

  /** The server's last answer to a pattern: 0, an error code, or undefined before the first. */
  answerTo(pattern: string): number | undefined {
    return this.#held.get(pattern)?.code;
  }

  /** Whether entries of the symbol come in this session, or may come. */
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

function keyOf({ stats, anomalies, fields }: Wants): string {
  return `${stats} ${anomalies} ${fields}`;
}
