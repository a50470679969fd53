import { symbolOfName, tenantOf } from '../../engine/index.ts';
import { type Alert, DIRECTION_NAMES, LEVEL_NAMES } from '../../protocol/index.ts';
import { type SinkAlert, summaryOf, timeText } from '../sink-alert.ts';

/** Labels: Alertmanager knows an alert by them. */
export type Labels = Readonly<Record<string, string>>;

/** An alert of Alertmanager's API v2 (`POST /api/v2/alerts` takes a list of them). */
export interface PostedAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly startsAt: string;
  /** Without it, the alert fires until it was not posted for `resolve_timeout`. */
  readonly endsAt?: string;
}

export function labelsOf(alert: Alert, own: Labels): Labels {
  const tenant = tenantOf(alert.symbol);
  return {
    ...own,
    alertname: alert.rule,
    symbol: symbolOfName(alert.symbol),
    ...(tenant === '' ? {} : { tenant }),
    level: LEVEL_NAMES[alert.level],
    direction: DIRECTION_NAMES[alert.direction],
  };
}

/**
 * @param now ms since the epoch
 * @param endsAt ms since the epoch; undefined: it fires
 */
export function postedAlert(
  latest: SinkAlert,
  labels: Labels,
  now: number,
  endsAt: number | undefined,
): PostedAlert {
  const { alert } = latest;
  return {
    labels,
    annotations: {
      summary: summaryOf(latest),
      price: String(alert.price),
      reference: String(alert.reference),
      changePercent: String(alert.changePercent),
      peak: String(alert.peak),
      count: String(alert.count),
      time: timeText(alert.time),
      startTime: timeText(alert.startTime),
      episode: String(alert.episode),
      sequence: String(alert.sequence),
    },
    // Ticks may be ahead of this clock: an alert that ends before it starts is refused.
    startsAt: timeText(Math.min(alert.startTime, now)),
    ...(endsAt === undefined ? {} : { endsAt: timeText(endsAt) }),
  };
}
