import {
  isWildcard,
  patternMatcher,
  RULE_KINDS,
  type RuleKind,
  validatePattern,
} from '../protocol/index.ts';
import { booleanOf, JsonFields, matching, oneOf, showJson } from './json-fields.ts';
import { keysOf, readSettings } from './rule-settings.ts';
import {
  RULES_MAX,
  RULES_PER_SYMBOL_MAX,
  type Rule,
  type RuleFault,
  type RuleFile,
  type RuleOverride,
  type RuleSettings,
} from './rule-types.ts';

/** The text of a file without rules. */
export const NO_RULES = '{"rules":[]}';

const NAME = /^[A-Za-z0-9._-]{1,32}$/;
const NAME_EXPECTED = '1 to 32 of A-Z a-z 0-9 . _ -';
/** A tenant has the same characters. */
const TENANT = NAME;
const PATTERNS_EXPECTED = 'an array of symbols or patterns';
/** What a rule of each kind cannot do without, wherever it says so. */
const NEEDED: Readonly<Record<RuleKind, readonly (keyof RuleSettings)[]>> = {
  spike: ['windowMs', 'warning'],
  gap: ['warning'],
  drift: ['overMs', 'warning'],
  band: ['around', 'warning'],
  stale: ['afterMs'],
  module: ['module', 'warning'],
};

/** The file, or everything that is wrong with it. */
export type RuleFileResult =
  | { readonly file: RuleFile; readonly faults?: undefined }
  | { readonly file?: undefined; readonly faults: readonly RuleFault[] };

/** Reads the text of a rule file. */
export function parseRuleFile(text: string): RuleFileResult {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const got = error instanceof Error ? error.message : String(error);
    return { faults: [{ where: 'the file', expected: 'JSON', got }] };
  }
  const faults: RuleFault[] = [];
  const file = readFile(value, faults);
  return faults.length > 0 ? { faults } : { file };
}

function readFile(value: unknown, faults: RuleFault[]): RuleFile {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject) {
    const expected = 'an object with "rules"';
    faults.push({ where: 'the file', expected, got: showJson(value) });
    return { rules: [], sinks: [] };
  }
  const fields = new JsonFields('', value, faults);
  const given = fields.need('rules', 'an array of rules', arrayOf) ?? [];
  const sinks = fields.read('sinks', 'an array', arrayOf) ?? [];
  fields.end(['rules', 'sinks']);
  if (given.length > RULES_MAX) {
    const expected = `at most ${RULES_MAX} rules`;
    faults.push({ where: 'rules', expected, got: `${given.length}` });
  }
  const rules: Rule[] = [];
  const names = new Map<string, number>();
  for (const [index, one] of given.entries()) {
    const rule = readRule(`rules[${index}]`, one, faults);
    if (rule === undefined) continue;
    const first = names.get(rule.name);
    if (first !== undefined) {
      const got = `"${rule.name}", the name of rules[${first}]`;
      faults.push({ where: `rules[${index}].name`, expected: 'a name of its own', got });
    }
    names.set(rule.name, first ?? index);
    rules.push(rule);
  }
  checkCounts(rules, faults);
  return { rules, sinks };
}

function arrayOf(value: unknown): unknown[] | undefined {
  return Array.isArray(value) ? value : undefined;
}

/** Undefined, with a fault, where nothing further can be said. */
function readRule(at: string, value: unknown, faults: RuleFault[]): Rule | undefined {
  const name = nameOf(value);
  const fields = new JsonFields(name === undefined ? at : `${at} "${name}"`, value, faults);
  fields.need('name', NAME_EXPECTED, matching(NAME));
  const kind = fields.need('kind', `one of ${RULE_KINDS.join(', ')}`, oneOf(RULE_KINDS));
  const tenant = fields.read('tenant', NAME_EXPECTED, matching(TENANT)) ?? '';
  const symbols = readPatterns(fields);
  if (kind === undefined) return undefined;
  const settings = readSettings(fields, kind);
  const overrides = readOverrides(fields, kind, faults);
  fields.end(['name', 'kind', 'tenant', 'symbols', ...keysOf(kind), 'overrides']);
  checkSettings(fields, kind, settings, overrides);
  if (name === undefined) return undefined;
  return { name, kind, tenant, symbols, settings, overrides };
}

function nameOf(value: unknown): string | undefined {
  const name = (value as { name?: unknown } | null | undefined)?.name;
  return typeof name === 'string' && NAME.test(name) ? name : undefined;
}

function readPatterns(fields: JsonFields): string[] {
  const given = fields.need('symbols', PATTERNS_EXPECTED, arrayOf) ?? [];
  if (given.length === 0 && Array.isArray(fields.raw('symbols'))) {
    fields.fault('symbols', 'at least one pattern', '[]');
  }
  return given.flatMap((pattern, index) => {
    const where = `symbols[${index}]`;
    if (typeof pattern !== 'string') {
      fields.fault(where, 'a symbol or a pattern', showJson(pattern));
      return [];
    }
    const fault = validatePattern(pattern);
    if (fault !== undefined) {
      fields.fault(where, 'a symbol or a pattern', `${showJson(pattern)}, which ${fault}`);
    }
    return [pattern];
  });
}

function readOverrides(fields: JsonFields, kind: RuleKind, faults: RuleFault[]): RuleOverride[] {
  const given = fields.read('overrides', 'an array', arrayOf) ?? [];
  return given.map((value, index) => {
    const own = new JsonFields(`${fields.at('overrides')}[${index}]`, value, faults);
    const symbols = readPatterns(own);
    const off = own.read('off', 'true or false', booleanOf);
    const settings = readSettings(own, kind);
    own.end(['symbols', 'off', ...keysOf(kind)]);
    checkThresholds(own, settings, undefined);
    return { symbols, off, settings };
  });
}

/** What only shows when a rule is seen whole. */
function checkSettings(
  fields: JsonFields,
  kind: RuleKind,
  settings: RuleSettings,
  overrides: readonly RuleOverride[],
): void {
  for (const key of NEEDED[kind]) {
    // An override that says it may cover every symbol of the rule: that shows by symbol.
    if (settings[key] !== undefined || fields.has(key)) continue;
    if (overrides.some((override) => override.settings[key] !== undefined)) continue;
    fields.fault(key, 'a value', 'nothing');
  }
  checkThresholds(fields, settings, overrides);
}

/** @param overrides of the rule; undefined: these are the settings of an override */
function checkThresholds(
  fields: JsonFields,
  { warning, critical, floor }: RuleSettings,
  overrides: readonly RuleOverride[] | undefined,
): void {
  if (warning !== undefined && critical !== undefined && warning.unit === critical.unit) {
    if (critical.value <= warning.value) {
      fields.fault('critical', 'more than "warning"', showJson(fields.raw('critical')));
    }
  }
  const isSampled = warning?.unit === 'sigma' || critical?.unit === 'sigma';
  if (overrides === undefined || !isSampled || floor !== undefined || fields.has('floor')) return;
  if (overrides.some(({ settings }) => settings.floor !== undefined)) return;
  fields.fault('floor', 'percent such as "0.1%", as a threshold is in sigma', 'nothing');
}

/** Whether more rules apply to a symbol than may, where patterns alone tell. */
function checkCounts(rules: readonly Rule[], faults: RuleFault[]): void {
  const told = new Set<string>();
  for (const rule of rules) {
    for (const pattern of rule.symbols) {
      const key = `${rule.tenant}/${pattern}`;
      if (told.has(key)) continue;
      told.add(key);
      const names = rules.filter((other) => coversAll(other, rule.tenant, pattern));
      if (names.length <= RULES_PER_SYMBOL_MAX) continue;
      const expected = `at most ${RULES_PER_SYMBOL_MAX} rules for ${showJson(pattern)}`;
      faults.push({ where: 'rules', expected, got: names.map(({ name }) => name).join(', ') });
    }
  }
}

/** Whether a rule certainly applies to every symbol that a pattern matches. */
function coversAll({ tenant, symbols, overrides }: Rule, of: string, pattern: string): boolean {
  if (tenant !== of) return false;
  const isExact = !isWildcard(pattern);
  const matches = (own: string) =>
    own === pattern || /^\*+$/.test(own) || (isExact && patternMatcher(own)(pattern));
  if (!symbols.some(matches)) return false;
  const offs = overrides.filter(({ off }) => off !== undefined);
  if (!isExact) return offs.length === 0;
  const last = offs.findLast((override) =>
    override.symbols.some((own) => patternMatcher(own)(pattern)),
  );
  return last?.off !== true;
}
