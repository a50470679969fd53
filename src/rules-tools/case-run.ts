import { alertJson } from '../backtest/json-report.ts';
import { type LoadedRules, RuleRun } from '../backtest/rule-run.ts';
import { type LocalSettings, NameSpace } from '../engine/index.ts';
import type { ExpectedAlert, RuleCase } from './rule-cases.ts';

/** Numbers this close, relative to the expected one, are equal: nobody writes all digits. */
const TOLERANCE = 1e-9;
/** Shown of an alert that nobody expected. */
const SHOWN = ['rule', 'phase', 'level', 'direction', 'time', 'price', 'changePercent', 'reason'];

type AlertObject = Readonly<Record<string, unknown>>;

/**
 * Runs a case on a partition of its own. The clock is read only where the case says so, and ticks
 * arrive at the newest time so far.
 *
 * @returns what differs, as lines; none: it passed
 * @throws BacktestError if a module of the rules cannot be used
 */
export async function runCase(
  { tenant, symbol, steps, alerts }: RuleCase,
  rules: LoadedRules,
  settings: LocalSettings,
): Promise<string[]> {
  const run = await RuleRun.load(rules, settings, 1);
  const name = new NameSpace(tenant).nameOf(symbol);
  let newest = 0;
  for (const step of steps) {
    newest = Math.max(newest, step.time);
    if (step.kind === 'clock') run.advanceClock(newest);
    else run.apply(name, step.price, step.time, newest);
  }
  // What waits for earlier ticks goes on once none came for so long.
  const { allowedLatenessMs = 0 } = settings;
  if (allowedLatenessMs > 0 && steps.length > 0) run.advanceClock(newest + allowedLatenessMs);
  const failed = run.failed.map((rule) => `rule "${rule}": its module threw an error`);
  return [...run.faults, ...failed, ...compareAlerts(alerts, run.alerts.map(alertJson))];
}

/** Alerts that are as expected, and those that differ: `-` expected, `+` what came. */
function compareAlerts(
  expected: readonly ExpectedAlert[],
  came: readonly AlertObject[],
): readonly string[] {
  const lines: string[] = [];
  let isEqual = true;
  for (let i = 0; i < Math.max(expected.length, came.length); i++) {
    const [wanted, got] = [expected[i], came[i]];
    if (wanted !== undefined && got !== undefined && matches(wanted, got)) {
      lines.push(`  ${JSON.stringify(wanted)}`);
      continue;
    }
    isEqual = false;
    if (wanted !== undefined) lines.push(`- ${JSON.stringify(wanted)}`);
    if (got !== undefined) lines.push(`+ ${JSON.stringify(pick(got, Object.keys(wanted ?? {})))}`);
  }
  return isEqual ? [] : lines;
}

function matches(wanted: ExpectedAlert, got: AlertObject): boolean {
  return Object.entries(wanted).every(([key, value]) => {
    const own = got[key];
    if (typeof value !== 'number' || typeof own !== 'number') return own === value;
    return Math.abs(own - value) <= TOLERANCE * Math.abs(value);
  });
}

function pick(alert: AlertObject, wanted: readonly string[]): AlertObject {
  const keys = new Set([...wanted, ...SHOWN]);
  return Object.fromEntries([...keys].map((key) => [key, alert[key]]));
}
