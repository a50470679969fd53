import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { BacktestError } from '../backtest/backtest-error.ts';
import { type LoadedRules, readRuleFile } from '../backtest/rule-run.ts';
import { formatFault, parseRuleFile, type RuleFault, type RuleFile } from '../rules/index.ts';
import { runCase } from './case-run.ts';
import type { RulesCommand, RulesOutput } from './check-command.ts';
import { type CaseFile, parseCases } from './rule-cases.ts';

/**
 * `tickwire rules test`: runs the cases of a file of examples, and prints where the alerts differ
 * from the expected ones.
 *
 * @returns the exit status: 0; 1 if a case fails or a file is wrong
 */
export async function testRules(
  { config, options }: RulesCommand,
  { stdout, stderr }: RulesOutput,
): Promise<number> {
  const path = String(options.get('file'));
  try {
    const file = readCases(path);
    const rules = rulesOf(path, file);
    checkNames(path, file, rules.file);
    let failed = 0;
    for (const one of file.cases) {
      const lines = await runCase(one, rules, config.processing);
      if (lines.length === 0) continue;
      failed += 1;
      stdout.write(`${[`FAILED ${one.name}`, ...lines].join('\n  ')}\n`);
    }
    stdout.write(`${file.cases.length - failed} passed, ${failed} failed\n`);
    return failed > 0 ? 1 : 0;
  } catch (error) {
    const isTold = error instanceof BacktestError || (error instanceof Error && 'syscall' in error);
    if (!isTold) throw error;
    stderr.write(`tickwire rules test: ${(error as Error).message}\n`);
    return 1;
  }
}

function readCases(path: string): CaseFile {
  const { file, faults } = parseCases(readFileSync(path, 'utf8'));
  refuse(path, faults);
  return file;
}

/** Modules of rules within the file are beside it, too. */
function rulesOf(path: string, { rules }: CaseFile): LoadedRules {
  if (typeof rules === 'string') return readRuleFile(resolve(dirname(path), rules));
  const text = JSON.stringify(rules);
  const { file, faults = [] } = parseRuleFile(text);
  refuse(`${path}: rules`, faults);
  return { path, text, file: file as RuleFile };
}

/** An alert of a rule that is not there can never come: a slip of the pen. */
function checkNames(path: string, { cases }: CaseFile, { rules }: RuleFile): void {
  const names = rules.map(({ name }) => name);
  const faults = cases.flatMap(({ alerts }, index) =>
    alerts.flatMap(({ rule }, at) => {
      if (rule === undefined || names.includes(String(rule))) return [];
      const where = `cases[${index}].alerts[${at}].rule`;
      return [{ where, expected: `one of ${names.join(', ')}`, got: JSON.stringify(rule) }];
    }),
  );
  refuse(path, faults);
}

function refuse(path: string, faults: readonly RuleFault[]): void {
  if (faults.length === 0) return;
  throw new BacktestError([`${path}:`, ...faults.map(formatFault)].join('\n  '));
}
