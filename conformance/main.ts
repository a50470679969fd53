import { parseArgs } from 'node:util';
import { CHECKS } from './all-checks.ts';
import type { Check } from './check.ts';
import { asJson, outcomeLines, summary } from './report.ts';
import { type Outcome, type RunOptions, runChecks } from './run-checks.ts';

const USAGE = `npm run conformance -- --client 'COMMAND' [--only NAME]... [--json]

Drives a client of Tickwire, in any language, and says which promises of the protocol it keeps.
The client is a small program around your library: docs/CONFORMANCE.md shows one.

  --client COMMAND     starts the client, by the shell
  --only NAME          only this promise, or all that begin with NAME when it ends in *; repeatable
  --role ROLE          only those of a subscriber, or of a publisher
  --list               names the promises and ends
  --json               prints the outcomes as JSON
  --lanes N            promises checked at a time (8)
  --patience SECONDS   how long a client may take for what it does at once (10)

Exits with 1 if a promise is broken, with 2 if the command line is wrong.`;

interface CommandLine extends Omit<RunOptions, 'done'> {
  readonly checks: readonly Check[];
  readonly isList: boolean;
  readonly isJson: boolean;
}

/**
 * Reads the command line.
 *
 * @throws Error for what is not on it
 */
function readCommandLine(args: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      client: { type: 'string', default: '' },
      only: { type: 'string', multiple: true, default: [] },
      role: { type: 'string' },
      list: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      lanes: { type: 'string', default: '8' },
      patience: { type: 'string', default: '10' },
    },
  });
  const { client: command, only, role, list: isList, json: isJson, lanes, patience } = values;
  if (command === '' && !isList) throw new Error('--client: expected the command of a client');
  const patienceMs = 1000 * positive('patience', patience);
  const checks = chosen(only, role);
  return { command, checks, isList, isJson, lanes: positive('lanes', lanes), patienceMs };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new Error(`--${name}: expected a number above 0, got "${text}"`);
}

function chosen(only: readonly string[], role: string | undefined): readonly Check[] {
  const matches = (name: string, pattern: string) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
  for (const pattern of only) {
    if (CHECKS.some(({ name }) => matches(name, pattern))) continue;
    throw new Error(`--only: no promise is named "${pattern}"; --list names them`);
  }
  if (role !== undefined && role !== 'subscriber' && role !== 'publisher') {
    throw new Error(`--role: expected "subscriber" or "publisher", got "${role}"`);
  }
  return CHECKS.filter(
    (check) =>
      (only.length === 0 || only.some((pattern) => matches(check.name, pattern))) &&
      (role === undefined || check.role === role),
  );
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    console.log(USAGE);
    return 0;
  }
  const { checks, isList, isJson, ...options } = readCommandLine(args);
  if (isList) {
    for (const { name, role, promise } of checks) {
      console.log(`${name.padEnd(26)} ${role.padEnd(10)} ${promise}`);
    }
    return 0;
  }
  const start = performance.now();
  const done = (outcome: Outcome) => {
    if (!isJson) console.log(outcomeLines(outcome));
  };
  const outcomes = await runChecks(checks, { ...options, done });
  const seconds = (performance.now() - start) / 1000;
  console.log(isJson ? asJson(outcomes) : `\n${summary(outcomes, seconds)}`);
  return outcomes.some(({ verdict }) => verdict === 'broken') ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  console.error(USAGE);
  process.exitCode = 2;
}
