import type { RuleTable } from '../../engine/index.ts';
import { type Alert, rulesFrame } from '../../protocol/index.ts';
import type { Connection } from '../sessions/connection.ts';

/** Tells one client the names of rules, each before its id is first used on the connection. */
export class RuleAnnouncements {
  readonly #connection: Pick<Connection, 'send'>;
  readonly #rules: RuleTable;
  /** Most sessions get no alerts. */
  #announced: Set<number> | undefined;

  constructor(connection: Pick<Connection, 'send'>, rules: RuleTable) {
    this.#connection = connection;
    this.#rules = rules;
  }

  /** To be called before these alerts are sent. */
  announce(alerts: readonly Alert[]): void {
    this.#announced ??= new Set();
    const rules: (number | string)[] = [];
    for (const { rule, kind } of alerts) {
      const id = this.#rules.id(rule, kind);
      if (this.#announced.has(id)) continue;
      this.#announced.add(id);
      rules.push(id, rule, kind);
    }
    if (rules.length > 0) this.#connection.send(rulesFrame(rules));
  }
}
