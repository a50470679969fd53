import type { ServedEngine } from '../../engine/index.ts';
import type { Health } from '../health.ts';
import type { ScrapedMetrics } from './scraped-metrics.ts';

type RuleTotals = ReturnType<NonNullable<ServedEngine['rules']>['totals']>;

export interface RuleMetricsContext {
  readonly engine: Pick<ServedEngine, 'rules'>;
  readonly health: Pick<Health, 'rulesFault'>;
}

/** The metrics of the rules in force, by name. Without one, they have no samples. */
export function addRuleMetrics(
  metrics: ScrapedMetrics,
  { engine, health }: RuleMetricsContext,
): void {
  const each = (value: (totals: RuleTotals) => number) => () => {
    const { rules } = engine;
    if (rules === undefined) return {};
    const { file, ids } = rules;
    return Object.fromEntries(
      file.rules.map(({ name }, index) => [name, value(rules.totals(ids[index] as number))]),
    );
  };
  metrics.counterBy(
    'rule',
    'tickwire_rule_started_total',
    'Episodes that began, and alerts of rules without episodes.',
    each(({ started }) => started),
  );
  const open = each((totals) => totals.open);
  metrics.gaugeBy('rule', 'tickwire_rule_open', 'Episodes that are open.', open);
  metrics.counterBy(
    'rule',
    'tickwire_rule_suppressed_total',
    'Starts within a cool-down.',
    each(({ suppressed }) => suppressed),
  );
  metrics.counterBy(
    'rule',
    'tickwire_rule_errors_total',
    'Errors of modules; each ends the rule for a symbol.',
    each(({ failed }) => failed),
  );
  metrics.gauge(
    'tickwire_rules_reload_failed',
    '1 while the rule file is refused, so that the rules before are in force.',
    () => (health.rulesFault === undefined ? 0 : 1),
  );
}
