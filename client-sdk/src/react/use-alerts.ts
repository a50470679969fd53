import type { Alert } from '../subscriber/alert.ts';
import { type Kind, useNewest } from './use-newest.ts';

/** Options of {@link useAlerts}. */
export interface UseAlertsOptions {
  /** Most alerts kept, at least 1; default 100. */
  readonly limit?: number;
}

export const ALERTS: Kind<'alert'> = {
  event: 'alert',
  unit: 'alerts',
  options: { stats: false, anomalies: false, alerts: true },
  timeOf: ({ time }) => time,
};

/**
 * The alerts of some patterns since the component was mounted, newest first; the same array until
 * another one arrives. Alerts missed while disconnected are fetched. Other patterns or another
 * limit start over.
 */
export function useAlerts(
  patterns: string | readonly string[],
  { limit }: UseAlertsOptions = {},
): readonly Alert[] {
  return useNewest(ALERTS, patterns, limit);
}
