import type { Anomaly } from '../subscriber/anomaly.ts';
import { type Kind, useNewest } from './use-newest.ts';

/** Options of {@link useAnomalies}. */
export interface UseAnomaliesOptions {
  /** Most anomalies kept, at least 1; default 100. */
  readonly limit?: number;
}

export const ANOMALIES: Kind<'anomaly'> = {
  event: 'anomaly',
  unit: 'anomalies',
  options: { stats: false },
  timeOf: ({ timestamp }) => timestamp,
};

/**
 * The anomalies of some patterns since the component was mounted, newest first; the same array
 * until another one arrives. Anomalies missed while disconnected are fetched. Other patterns or
 * another limit start over.
 */
export function useAnomalies(
  patterns: string | readonly string[],
  { limit }: UseAnomaliesOptions = {},
): readonly Anomaly[] {
  return useNewest(ANOMALIES, patterns, limit);
}
