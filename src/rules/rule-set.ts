import { patternMatcher } from '../protocol/index.ts';
import { type EffectiveRule, effectiveRule } from './effective-rule.ts';
import { RULES_PER_SYMBOL_MAX, type Rule, type RuleFile, type RuleSettings } from './rule-types.ts';
import { type SharedZone, sharedZone } from './shared-zone.ts';

/** The rules of a symbol. Symbols with the same rules share one plan. */
export interface SymbolPlan {
  /** In the order of the file: each has the state in the slot of its index. */
  readonly rules: readonly EffectiveRule[];
  /** What is wrong for such symbols: the rules left out, and why. */
  readonly faults: readonly string[];
  /** The longest window of a spike, ms; 0: none. */
  readonly windowMs: number;
  readonly hasStale: boolean;
  readonly zone: SharedZone;
}

interface MatchedRule {
  readonly id: number;
  readonly rule: Rule;
  readonly matches: (symbol: string) => boolean;
  readonly overrides: readonly ((symbol: string) => boolean)[];
  /** By the overrides that match, as text. */
  readonly variants: Map<string, EffectiveRule | string | undefined>;
}

/** The plan of a symbol to which no rule applies. */
export const NO_PLAN: SymbolPlan = {
  rules: [],
  faults: [],
  windowMs: 0,
  hasStale: false,
  zone: sharedZone([]),
};

/** The rules of a file, matched to symbols. */
export class RuleSet {
  readonly rules: readonly Rule[];
  /** Of the rules, in records. */
  readonly ids: readonly number[];
  /** The longest window of a spike, of any symbol, ms; 0: there is none. */
  readonly longestMs: number;
  readonly #matched: readonly MatchedRule[];
  readonly #plans = new Map<string, SymbolPlan>();

  /** @param ids of the rules in records; by default their places in the file */
  constructor({ rules }: Pick<RuleFile, 'rules'>, ids: readonly number[] = [...rules.keys()]) {
    this.rules = rules;
    this.ids = ids;
    const said = rules.flatMap(({ settings, overrides }) => [
      settings,
      ...overrides.map((override) => override.settings),
    ]);
    this.longestMs = Math.max(0, ...said.map(({ windowMs = 0 }) => windowMs));
    this.#matched = rules.map((rule, index) => ({
      id: ids[index] as number,
      rule,
      matches: anyOf(rule.symbols),
      overrides: rule.overrides.map(({ symbols }) => anyOf(symbols)),
      variants: new Map(),
    }));
  }

  /**
   * The rules of a symbol.
   *
   * @param tenant empty: the default one
   */
  plan(tenant: string, symbol: string): SymbolPlan {
    let key = '';
    const found: [MatchedRule, string][] = [];
    for (const [index, matched] of this.#matched.entries()) {
      if (matched.rule.tenant !== tenant || !matched.matches(symbol)) continue;
      const variant = matched.overrides.map((matches) => (matches(symbol) ? '1' : '0')).join('');
      found.push([matched, variant]);
      key += `${index}:${variant} `;
    }
    if (found.length === 0) return NO_PLAN;
    const known = this.#plans.get(key);
    if (known !== undefined) return known;
    const plan = makePlan(found);
    this.#plans.set(key, plan);
    return plan;
  }
}

function anyOf(patterns: readonly string[]): (symbol: string) => boolean {
  const matchers = patterns.map(patternMatcher);
  return (symbol) => matchers.some((matches) => matches(symbol));
}

function makePlan(found: readonly [MatchedRule, string][]): SymbolPlan {
  const rules: EffectiveRule[] = [];
  const faults: string[] = [];
  for (const [matched, variant] of found) {
    const own = variantOf(matched, variant);
    if (own === undefined) continue;
    if (typeof own === 'string') faults.push(`rule "${matched.rule.name}": ${own}`);
    else if (rules.length < RULES_PER_SYMBOL_MAX) rules.push(own);
    else faults.push(`rule "${own.name}": more than ${RULES_PER_SYMBOL_MAX} rules for a symbol`);
  }
  const windows = rules.filter(({ kind }) => kind === 'spike').map(({ windowMs }) => windowMs);
  const hasStale = rules.some(({ kind }) => kind === 'stale');
  return { rules, faults, windowMs: Math.max(0, ...windows), hasStale, zone: sharedZone(rules) };
}

/** A fault as text; undefined: off. */
function variantOf(matched: MatchedRule, variant: string): EffectiveRule | string | undefined {
  const { id, rule, variants } = matched;
  if (variants.has(variant)) return variants.get(variant);
  let settings: RuleSettings = rule.settings;
  let isOff = false;
  for (const [index, override] of rule.overrides.entries()) {
    if (variant[index] !== '1') continue;
    settings = { ...settings, ...override.settings };
    isOff = override.off ?? isOff;
  }
  const own = isOff ? undefined : effectiveRule(id, rule, settings);
  variants.set(variant, own);
  return own;
}
