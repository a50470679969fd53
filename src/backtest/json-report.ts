import {
  type Alert,
  DIRECTION_NAMES,
  LEVEL_NAMES,
  PHASE_NAMES,
  REASON_NAMES,
} from '../protocol/index.ts';
import type { BacktestResult, RuleFileRun } from './backtest-result.ts';

/** The result as JSON: times in ms since the epoch, alerts as HTTP names them. */
export function formatJson(result: BacktestResult): string {
  const { source, figures, run, against, comparison } = result;
  const shown = {
    source,
    ...figures,
    run: runJson(run),
    ...(against !== undefined && { against: runJson(against) }),
    ...(comparison !== undefined && { comparison }),
  };
  return JSON.stringify(shown, undefined, 2);
}

function runJson({ alerts, ...run }: RuleFileRun): object {
  return { ...run, alerts: alerts.map(alertJson) };
}

/** An alert as an object of JSON, times in ms since the epoch. */
export function alertJson(alert: Alert): Readonly<Record<string, unknown>> {
  const { phase, level, direction, reason, ...same } = alert;
  const { symbol, sequence, rule, kind, episode, ...values } = same;
  const named = REASON_NAMES[reason];
  return {
    symbol,
    sequence,
    rule,
    kind,
    episode,
    phase: PHASE_NAMES[phase],
    level: LEVEL_NAMES[level],
    direction: DIRECTION_NAMES[direction],
    ...values,
    ...(named !== undefined && { reason: named }),
  };
}
