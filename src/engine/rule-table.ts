import type { RuleKind } from '../protocol/index.ts';

/** A rule as alerts name it. */
export interface RuleIdentity {
  readonly name: string;
  readonly kind: RuleKind;
}

/**
 * Rule → id, by name and kind. Ids count from 0 and are never reused while the server runs: alerts
 * that wait in a ring, and clients, know rules by them, also those that are no longer in force.
 */
export class RuleTable {
  readonly #rules: RuleIdentity[] = [];
  readonly #ids = new Map<string, number>();

  /** The id of a rule, which gets one if it has none. */
  id(name: string, kind: RuleKind): number {
    const key = `${kind} ${name}`;
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.#rules.length;
      this.#rules.push({ name, kind });
      this.#ids.set(key, id);
    }
    return id;
  }

  rule(id: number): RuleIdentity {
    const rule = this.#rules[id];
    if (rule === undefined) throw new RangeError(`no rule has id ${id}`);
    return rule;
  }

  /** All rules that ever had an id, by id. */
  get all(): readonly RuleIdentity[] {
    return this.#rules;
  }
}
