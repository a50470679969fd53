import { type Alert, AlertLevel, AlertPhase, AlertReason } from '../../src/protocol/index.ts';
import type { SinkAlert } from '../../src/sinks/sink-alert.ts';
import { formatSinkFault, readSinks, type SinkSettings } from '../../src/sinks/sink-settings.ts';
import type { SinkConfig } from '../../src/sinks/target.ts';

export const START = Date.UTC(2026, 2, 2, 14, 30, 0, 250);

/** A start of an episode, critical, up 5 %. */
export function sampleAlert(changes: Partial<Alert> = {}): Alert {
  return {
    symbol: 'AAPL',
    sequence: 1,
    rule: 'flash',
    kind: 'spike',
    episode: 1,
    phase: AlertPhase.START,
    level: AlertLevel.CRITICAL,
    direction: 1,
    reference: 100,
    price: 105,
    changePercent: 5,
    time: START,
    startTime: START,
    peak: 105,
    count: 1,
    reason: AlertReason.NONE,
    ...changes,
  };
}

/** Its end, 1.5 s later. */
export function sampleEnd(changes: Partial<Alert> = {}): Alert {
  return sampleAlert({
    sequence: 2,
    phase: AlertPhase.END,
    price: 100.5,
    changePercent: 0.5,
    time: START + 1500,
    peak: 106,
    count: 7,
    reason: AlertReason.REVERTED,
    ...changes,
  });
}

export function sinkAlert(ordinal: number, changes: Partial<Alert> = {}): SinkAlert {
  return { alert: sampleAlert({ sequence: ordinal + 1, ...changes }), ordinal };
}

/** Settings as they are read from a file; rules `flash` and `run`. */
export function sinkSettings(changes: Readonly<Record<string, unknown>> = {}): SinkSettings {
  const written = { name: 'pager', kind: 'webhook', url: 'https://hooks.example/x', ...changes };
  const { sinks, faults } = readSinks([written], ['flash', 'run']);
  const [settings] = sinks;
  if (settings === undefined) throw new Error(faults.map(formatSinkFault).join('\n'));
  return settings;
}

export function sinkConfig(
  url: string,
  changes: Readonly<Record<string, unknown>> = {},
  secret?: string,
): SinkConfig {
  return { settings: sinkSettings({ ...changes, url }), target: { url, headers: {}, secret } };
}
