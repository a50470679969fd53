import { shownName, symbolOfName, tenantOf } from '../engine/index.ts';
import { type Alert, AlertPhase, LEVEL_NAMES, namedAlert, PHASE_NAMES } from '../protocol/index.ts';
import type { SinkSettings } from './sink-settings.ts';

/** An alert on its way to sinks. */
export interface SinkAlert {
  readonly alert: Alert;
  /** Its number among the alerts of all symbols, as in the store. */
  readonly ordinal: number;
  /** Made by `sinks test`: no symbol moved. */
  readonly isTest?: boolean;
}

/** Whether an episode is open after an alert of the rule; others are over at once. */
export type HasEpisodes = (rule: string) => boolean;

/** The same for every attempt, and after a restart: receivers drop what they have. */
export function idOf({ symbol, sequence }: Alert): string {
  const tenant = tenantOf(symbol);
  const path = tenant === '' ? [] : [tenant];
  return [...path, encodeURIComponent(symbolOfName(symbol)), sequence].join('/');
}

/** Whether a sink wants an alert. */
export function isWanted(
  { rules, levels, phases }: Pick<SinkSettings, 'rules' | 'levels' | 'phases'>,
  alert: Alert,
): boolean {
  return (
    (rules.length === 0 || rules.includes(alert.rule)) &&
    (levels.length === 0 || levels.includes(LEVEL_NAMES[alert.level])) &&
    (phases.length === 0 || phases.includes(PHASE_NAMES[alert.phase]))
  );
}

/** The same, but for Alertmanager: it also hears of what ends an alert that it has. */
export function mayTake(
  settings: Pick<SinkSettings, 'format' | 'rules' | 'levels' | 'phases'>,
  alert: Alert,
): boolean {
  if (settings.format !== 'alertmanager') return isWanted(settings, alert);
  return isWanted({ rules: settings.rules, levels: [], phases: [] }, alert);
}

/** The body of the format `json`: the record of the HTTP API, its id and, if any, its tenant. */
export function alertJson({ alert, isTest }: SinkAlert): object {
  const tenant = tenantOf(alert.symbol);
  return {
    id: idOf(alert),
    ...(isTest === true ? { test: true } : {}),
    ...(tenant === '' ? {} : { tenant }),
    ...namedAlert(alert, symbolOfName(alert.symbol), timeText),
  };
}

const PHASE_WORDS: Readonly<Record<AlertPhase, string>> = {
  [AlertPhase.START]: '',
  [AlertPhase.ESCALATE]: ', escalated',
  [AlertPhase.EXTEND]: ', goes on',
  [AlertPhase.END]: ', over',
};

/** One sentence for people: `AAPL up 5.2 % to 105.2 (from 100), critical, escalated`. */
export function summaryOf({ alert, isTest }: SinkAlert): string {
  const { kind, phase, direction, changePercent, price, reference, level } = alert;
  const symbol = shownName(alert.symbol);
  const test = isTest === true ? 'Test: ' : '';
  const state = `${LEVEL_NAMES[level]}${PHASE_WORDS[phase]}`;
  if (kind === 'stale') return `${test}${symbol} is stale at ${price}, ${state}`;
  const way = direction > 0 ? 'up' : 'down';
  // Of an end, the change is that of the tick that ended it: the peak tells more.
  const [to, change] =
    phase === AlertPhase.END
      ? [alert.peak, ((alert.peak - reference) / reference) * 100]
      : [price, changePercent];
  return `${test}${symbol} ${way} ${percentText(change)} to ${to} (from ${reference}), ${state}`;
}

/** `1.5 s`, `2 min 5 s`, `3 h 0 min`. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 60) return `${Number(seconds.toFixed(1))} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function percentText(change: number): string {
  const size = Math.abs(change);
  const isInexact = size >= 1e6 || !Number.isFinite(size);
  return `${isInexact ? size.toExponential(1) : Number(size.toFixed(2))} %`;
}

/** The last time that fits the four-digit year of RFC 3339. */
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** RFC 3339 in UTC, cut to milliseconds. */
export function timeText(ms: number): string {
  return new Date(Math.min(ms, LAST_MS)).toISOString();
}
