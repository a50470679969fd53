import { type Alert, namedAlert } from '../protocol/index.ts';
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

/** An alert as HTTP names its values, with the kind of its rule; times in ms since the epoch. */
export function alertJson(alert: Alert): Readonly<Record<string, unknown>> {
  return { kind: alert.kind, ...namedAlert(alert, alert.symbol, (ms) => ms) };
}
