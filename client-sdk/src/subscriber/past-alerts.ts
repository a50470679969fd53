import type { Alert } from './alert.ts';
import { type HttpAccess, readPages, type Time, timeText } from './past-pages.ts';

/** One value or several, any of which will do. */
type OneOrMore<Value> = Value | readonly Value[];

/** Which alerts: those of a range of time; without `from` and `to`, the newest. */
export interface AlertsOptions {
  /** The first time, included: ms since the Unix epoch, a `Date`, or RFC 3339. */
  readonly from?: Time;
  /** The time to end before; default: no end. */
  readonly to?: Time;
  /** Names of rules; default: all. */
  readonly rule?: OneOrMore<string>;
  /** `warning`, `critical`; default: all. */
  readonly level?: OneOrMore<Alert['level']>;
  /** `start`, `escalate`, `extend`, `end`; default: all. */
  readonly phase?: OneOrMore<Alert['phase']>;
  /** Alerts of a page, 1 to 1000; default 1000. Without `from` and `to` there is one page only. */
  readonly limit?: number;
}

/** As the server writes it. */
type AlertDocument = Omit<Alert, 'time' | 'startTime'> & Record<'time' | 'startTime', string>;

const LIMIT = 1000;

/**
 * Past alerts, oldest first.
 *
 * @param patterns symbols, and patterns with `*`, which may contain no comma
 * @throws TypeError for what is no time; Error as {@link readPages}
 */
export async function* readAlerts(
  access: HttpAccess,
  patterns: readonly string[],
  options: AlertsOptions,
): AsyncGenerator<Alert, undefined> {
  const { from, to, limit = LIMIT, rule = [], level = [], phase = [] } = options;
  const query = new URLSearchParams({ limit: String(limit) });
  // A list of patterns is separated by commas, which a symbol may contain.
  for (const each of patterns) query.append(each.includes('*') ? 'symbols' : 'symbol', each);
  for (const [name, values] of Object.entries({ rule, level, phase })) {
    for (const value of [values].flat()) query.append(name, value);
  }
  if (from !== undefined) query.set('from', timeText('from', from));
  if (to !== undefined) query.set('to', timeText('to', to));
  const pages = readPages(access, 'api/alerts', query) as AsyncIterable<AlertDocument>;
  if (from !== undefined || to !== undefined) {
    for await (const item of pages) yield alertOf(item);
    return;
  }
  // The server's newest come first.
  const newest: Alert[] = [];
  for await (const item of pages) newest.unshift(alertOf(item));
  yield* newest;
}

function alertOf({ time, startTime, ...rest }: AlertDocument): Alert {
  return { ...rest, time: Date.parse(time), startTime: Date.parse(startTime) };
}
