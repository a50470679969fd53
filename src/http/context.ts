import type { GatewayContext } from '../gateway/index.ts';
import type { MetricsContext } from '../gateway/metrics/metrics.ts';
import type { Client } from '../gateway/sessions/client.ts';
import type { HttpRequest, HttpResponse } from '../gateway/transport/transport.ts';
import type { HttpAccess } from './access.ts';

/** The parts of the context that commands use. */
export type CommandContext = Pick<
  GatewayContext,
  'clock' | 'config' | 'counters' | 'credit' | 'intake' | 'quota' | 'scheduler' | 'security'
>;

/** The parts of the context that retiring a symbol takes. */
export type RetireContext = QueryContext & Pick<GatewayContext, 'log' | 'retirement'>;

/** The parts of the context that queries read. None of them changes anything. */
export type QueryContext = MetricsContext &
  Pick<
    GatewayContext,
    | 'alerts'
    | 'anomalies'
    | 'cluster'
    | 'config'
    | 'epoch'
    | 'fanOut'
    | 'health'
    | 'startedAt'
    | 'tickHistory'
  > & {
    readonly access: HttpAccess;
  };

/**
 * Answers the requests of one route.
 *
 * @param symbol the symbol in the path; empty for a path without one
 * @param client the caller
 * @throws RequestProblem to answer with a problem
 */
export type Handler = (
  request: HttpRequest,
  symbol: string,
  client: Client,
) => HttpResponse | Promise<HttpResponse>;
