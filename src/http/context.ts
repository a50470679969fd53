import type { GatewayContext } from '../gateway/index.ts';
import type { MetricsContext } from '../gateway/metrics/metrics.ts';
import type { HttpAccess } from './access.ts';

/** What commands use: the way in. */
export type CommandContext = Pick<
  GatewayContext,
  'clock' | 'config' | 'counters' | 'credit' | 'intake' | 'quota' | 'scheduler' | 'security'
>;

/** What queries read. Nothing here leads to the way in. */
export type QueryContext = MetricsContext &
  Pick<GatewayContext, 'anomalies' | 'config' | 'epoch' | 'health' | 'startedAt'> & {
    readonly access: HttpAccess;
  };
