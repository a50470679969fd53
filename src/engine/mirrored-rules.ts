import { type Alert, AlertPhase } from '../protocol/index.ts';
import { parseRuleFile, type RuleFile } from '../rules/index.ts';
import type { RuleTable } from './rule-table.ts';
import type { RuleTotals } from './rules-in-force.ts';
import type { ShownRules } from './served-engine.ts';

/** A rule file that came into force at some time, ms since the epoch. */
interface RulesSince {
  readonly text: string;
  readonly since: number;
}

interface RuleCounts {
  started: number;
  /** Symbols with an open episode. */
  readonly open: Set<string>;
}

/** The rules of engines in other processes. What they have done is told from their alerts. */
export class MirroredRules implements ShownRules {
  text = '';
  file: RuleFile = { rules: [], sinks: [] };
  since = 0;
  ids: readonly number[] = [];
  readonly #table: RuleTable;
  /** Alerts of a rule that a cool-down covered, as far as this process knows. */
  suppressed: (rule: RuleFile['rules'][number]) => number = () => 0;
  readonly #counts = new Map<number, RuleCounts>();

  constructor(table: RuleTable) {
    this.#table = table;
  }

  /** @throws Error if the text is no rule file */
  change({ text, since }: RulesSince): void {
    const { file } = parseRuleFile(text);
    if (file === undefined) throw new Error('the rules of the cluster are no rule file');
    this.text = text;
    this.file = file;
    this.since = since;
    this.ids = file.rules.map(({ name, kind }) => this.#table.id(name, kind));
  }

  /** Counts an alert. */
  count({ rule, kind, phase, symbol }: Alert): void {
    const counts = this.#of(this.#table.id(rule, kind));
    if (phase === AlertPhase.START) {
      counts.started++;
      counts.open.add(symbol);
    } else if (phase === AlertPhase.END) counts.open.delete(symbol);
  }

  totals(ruleId: number): RuleTotals {
    const { open, started } = this.#of(ruleId);
    const rule = this.file.rules[this.ids.indexOf(ruleId)];
    // Without episodes, each alert starts and ends one.
    const hasEpisodes = rule?.settings.episode !== null;
    return {
      started,
      open: hasEpisodes ? open.size : 0,
      suppressed: rule === undefined ? 0 : this.suppressed(rule),
      // Modules are not in a cluster.
      failed: 0,
    };
  }

  #of(ruleId: number): RuleCounts {
    const known = this.#counts.get(ruleId);
    if (known !== undefined) return known;
    const counts = { started: 0, open: new Set<string>() };
    this.#counts.set(ruleId, counts);
    return counts;
  }
}
