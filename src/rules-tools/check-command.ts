import { readFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { BacktestError } from '../backtest/backtest-error.ts';
import { RuleRun } from '../backtest/rule-run.ts';
import type { OptionValue } from '../config/command-options.ts';
import type { Config } from '../config/schema.ts';
import { patternMatcher, validateSymbol } from '../protocol/index.ts';
import {
  formatFault,
  overrideWords,
  parseRuleFile,
  type Rule,
  type RuleFile,
  RuleSet,
  ruleWords,
} from '../rules/index.ts';
import { readSinks } from '../sinks/index.ts';

/** The command line of `rules check` and `rules test`. */
export interface RulesCommand {
  readonly config: Pick<Config, 'processing'>;
  readonly options: ReadonlyMap<string, OptionValue>;
}

export interface RulesOutput {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

type Sinks = ReturnType<typeof readSinks>['sinks'];

/**
 * `tickwire rules check`: prints every fault of a rule file; else what it means, or for symbols
 * which rules apply to them. Modules are loaded; secrets of sinks are not looked up.
 *
 * @returns the exit status: 0; 1 if the file is wrong, or a rule cannot apply to such a symbol
 */
export async function checkRules(
  { config, options }: RulesCommand,
  { stdout, stderr }: RulesOutput,
): Promise<number> {
  const path = String(options.get('file'));
  const refuse = (...faults: readonly string[]) => {
    stderr.write(`${[`tickwire rules check: ${path}:`, ...faults].join('\n  ')}\n`);
    return 1;
  };
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return refuse((error as Error).message);
  }
  const { file, faults = [] } = parseRuleFile(text);
  const { sinks, faults: sinkFaults } = sinksOf(text);
  const all = [...faults, ...sinkFaults].map(formatFault);
  if (file === undefined || all.length > 0) return refuse(...all);
  if (file.rules.some(hasModule)) {
    try {
      await RuleRun.load({ path, file, text }, config.processing, 1);
    } catch (error) {
      if (!(error instanceof BacktestError)) throw error;
      return refuse(error.message);
    }
  }
  const symbols = (options.get('symbol') ?? []) as readonly string[];
  if (symbols.length === 0) {
    stdout.write(`${describeFile(path, file, sinks).join('\n')}\n`);
    return 0;
  }
  const wrong = symbols.flatMap((symbol) => {
    const fault = validateSymbol(symbolOf(symbol, file).symbol);
    return fault === undefined ? [] : [`--symbol: ${JSON.stringify(symbol)} ${fault}`];
  });
  if (wrong.length > 0) return refuse(...wrong);
  const rules = new RuleSet(file);
  const described = symbols.map((symbol) => describeSymbol(symbolOf(symbol, file), rules));
  stdout.write(`${described.map(({ lines }) => lines.join('\n')).join('\n\n')}\n`);
  return described.some(({ hasFaults }) => hasFaults) ? 1 : 0;
}

/** The sinks, also where the rules are wrong: all faults are named at once. */
function sinksOf(text: string): ReturnType<typeof readSinks> {
  let value: { readonly rules?: unknown; readonly sinks?: unknown } | null;
  try {
    value = JSON.parse(text);
  } catch {
    return readSinks(undefined, []);
  }
  const { rules, sinks } = value ?? {};
  const names = (Array.isArray(rules) ? rules : []).map((rule) => String(rule?.name));
  // What is no array is a fault of the file already.
  return readSinks(Array.isArray(sinks) ? sinks : undefined, names);
}

function hasModule({ settings, overrides }: Rule): boolean {
  return [settings, ...overrides.map((each) => each.settings)].some(
    ({ module }) => module !== undefined,
  );
}

function describeFile(path: string, { rules }: RuleFile, sinks: Sinks): string[] {
  const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`;
  const lines = [`${path}: ${count(rules.length, 'rule')}, ${count(sinks.length, 'sink')}`];
  for (const { name, kind, tenant, symbols, settings, overrides } of rules) {
    const whose = tenant === '' ? '' : ` of tenant ${tenant}`;
    lines.push('', `${name}: ${kind}, for ${symbols.join(', ')}${whose}`);
    const words = [...ruleWords(kind, settings), ...overrides.map(overrideWords)];
    lines.push(...words.map((line) => `  ${line}`));
  }
  for (const sink of sinks) lines.push('', ...describeSink(sink));
  return lines;
}

function describeSink({ name, kind, format, url, urlEnv, ...sink }: Sinks[number]): string[] {
  const { rules, levels, phases, secretEnv } = sink;
  // A URL may hold a secret behind its host.
  const target = url === undefined ? `the URL in ${urlEnv}` : new URL(url).origin;
  const listed = (items: readonly string[], all: string) => items.join(', ') || all;
  const what = [
    listed(rules, 'all rules'),
    listed(levels, 'all levels'),
    listed(phases, 'all phases'),
  ];
  return [
    `${name}: ${kind} (${format}) to ${target}`,
    `  ${what.join('; ')}${secretEnv === undefined ? '' : `; signed with ${secretEnv}`}`,
  ];
}

interface TenantSymbol {
  readonly tenant: string;
  readonly symbol: string;
}

/** Symbols may have a slash, too: what stands before it is a tenant if the file names it. */
function symbolOf(text: string, { rules }: RuleFile): TenantSymbol {
  const at = text.indexOf('/');
  const tenant = text.slice(0, Math.max(0, at));
  const isTenant = tenant !== '' && rules.some((rule) => rule.tenant === tenant);
  return isTenant ? { tenant, symbol: text.slice(at + 1) } : { tenant: '', symbol: text };
}

function describeSymbol({ tenant, symbol }: TenantSymbol, set: RuleSet) {
  const plan = set.plan(tenant, symbol);
  const whose = tenant === '' ? 'the default tenant' : `tenant ${tenant}`;
  const lines = [`${symbol} of ${whose}: ${plan.rules.length} of ${set.rules.length} rules apply`];
  for (const rule of set.rules) {
    const own = plan.rules.find(({ name }) => name === rule.name);
    if (own !== undefined) {
      lines.push(`  ${own.name}: ${own.kind}`);
      lines.push(...ruleWords(own.kind, own.settings).map((line) => `    ${line}`));
      continue;
    }
    const start = `rule "${rule.name}": `;
    const fault = plan.faults.find((each) => each.startsWith(start));
    if (fault !== undefined) lines.push(`  ${rule.name}: FAULT: ${fault.slice(start.length)}`);
    else lines.push(`  ${rule.name}: not, ${whyNot(rule, tenant, symbol)}`);
  }
  return { lines, hasFaults: plan.faults.length > 0 };
}

function whyNot({ tenant, symbols }: Rule, of: string, symbol: string): string {
  if (tenant !== of) return tenant === '' ? 'is of the default tenant' : `is of tenant ${tenant}`;
  const isMatched = symbols.some((pattern) => patternMatcher(pattern)(symbol));
  return isMatched ? 'an override says off' : `is for ${symbols.join(', ')}`;
}
