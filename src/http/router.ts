import type { Registry } from 'prom-client';
import type { Config } from '../config/schema.ts';
import type { GatewayContext, SessionFactory } from '../gateway/index.ts';
import type { HttpRequest, HttpResponse } from '../gateway/transport/transport.ts';
import { type AccessLevel, HttpAccess } from './access.ts';
import type { Operation } from './api-docs/openapi-elements.ts';
import { listOperations, type OperationKey, queryNames } from './api-docs/openapi-operations.ts';
import { ASSETS, type Assets } from './assets.ts';
import { deleteSymbol } from './commands/delete-symbol.ts';
import { postPrices } from './commands/post-prices.ts';
import { Compressor } from './compression.ts';
import type { CommandContext, Handler, RetireContext } from './context.ts';
import { answerOrigins } from './cross-origin.ts';
import { RequestProblem } from './problems.ts';
import { recentAlerts, symbolAlerts } from './queries/alerts.ts';
import { recentAnomalies, symbolAnomalies } from './queries/anomalies.ts';
import { callList } from './queries/call-list.ts';
import { clusterOverview } from './queries/cluster.ts';
import { eventStream } from './queries/event-stream.ts';
import { asyncApi, liveness, openApi, readiness, scrape } from './queries/operator.ts';
import { processingStatistics } from './queries/processing-statistics.ts';
import { rulesInForce } from './queries/rules.ts';
import { listStatistics, StatisticsReader, symbolStatistics } from './queries/statistics.ts';
import { symbolTicks } from './queries/ticks.ts';
import { refuseUnknown } from './query-parameters.ts';
import { RouteTable } from './route-table.ts';
import { traceHandler } from './traced-handlers.ts';

/** Headers of answers that do not set them: no caching, and no guessing of types. */
const COMMON_HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

/** Creates the HTTP API: maps requests to commands and queries. */
export function createRouter(
  context: GatewayContext,
  sessions: SessionFactory,
  assets: Assets,
  metrics: Registry,
): (request: HttpRequest) => Promise<HttpResponse> {
  const { authenticator, config, origins, security, telemetry } = context;
  const requestsPerSecond = config.limits.httpRequestsPerSecond;
  const access = new HttpAccess({ authenticator, security, requestsPerSecond });
  const table = new RouteTable();
  const compressor = new Compressor();
  const queries = { ...context, access };
  const handlers = createHandlers(context, queries, sessions, assets, metrics);
  for (const { key, method, path, operation } of listOperations()) {
    table.add(method, path, {
      handler: traceHandler(telemetry?.tracing, key, handlers[key]),
      accessLevel: levelOf(operation.access, config.auth),
      parameters: path === '/' ? undefined : queryNames(operation),
    });
  }
  // Only the page itself is in the OpenAPI document: the other assets are parts of it.
  for (const path of Object.keys(ASSETS)) {
    const handler = assets.handler(path);
    table.add('GET', path, { handler, accessLevel: 'public', parameters: undefined });
  }
  return answerOrigins(origins, security, async (request) => {
    const response = await compressor.shrink(request, await respond(table, access, request));
    return { ...response, headers: { ...COMMON_HEADERS, ...response.headers } };
  });
}

/** The compiler checks that these are exactly the operations of the OpenAPI document. */
function createHandlers(
  commands: CommandContext,
  queries: RetireContext,
  sessions: SessionFactory,
  assets: Assets,
  metrics: Registry,
): Readonly<Record<OperationKey, Handler>> {
  const reader = new StatisticsReader(queries.engine);
  return {
    'POST /api/prices': postPrices(commands),
    'DELETE /api/prices/{symbol}': deleteSymbol(queries),
    'GET /api/prices': listStatistics(queries, reader),
    'GET /api/prices/{symbol}': symbolStatistics(queries, reader),
    'GET /api/prices/{symbol}/anomalies': symbolAnomalies(queries, reader),
    'GET /api/prices/{symbol}/alerts': symbolAlerts(queries, reader),
    'GET /api/prices/{symbol}/ticks': symbolTicks(queries),
    'GET /api/anomalies': recentAnomalies(queries),
    'GET /api/alerts': recentAlerts(queries),
    'GET /api/rules': rulesInForce(queries),
    'GET /api/stream': eventStream(queries, sessions),
    'GET /api/statistics': processingStatistics(queries),
    'GET /api/cluster': clusterOverview(queries),
    'GET /metrics': scrape(metrics),
    'GET /healthz': liveness(),
    'GET /readyz': readiness(queries),
    'GET /openapi.json': openApi(queries.version),
    'GET /asyncapi.json': asyncApi(queries.version),
    'GET /api': callList(queries.version),
    'GET /': assets.handler('/'),
  };
}

function levelOf(
  access: Operation['access'],
  auth: Pick<Config['auth'], 'health' | 'metrics'>,
): AccessLevel {
  if (access === 'health') return auth.health === 'open' ? 'public' : 'token';
  if (access === 'metrics') return auth.metrics === 'open' ? 'public' : 'operator';
  return access;
}

async function respond(
  table: RouteTable,
  access: HttpAccess,
  request: HttpRequest,
): Promise<HttpResponse> {
  try {
    await access.checkRate(request);
    if (request.method === 'OPTIONS') {
      return { status: 204, headers: { allow: table.methodsOf(request.path) }, body: '' };
    }
    const route = table.find(request.method, request.path);
    const { handler, symbol, accessLevel, parameters } = route;
    const client = await access.clientOf(request, accessLevel);
    if (parameters !== undefined) refuseUnknown(request.query, parameters);
    return await handler(request, symbol, client);
  } catch (error) {
    if (error instanceof RequestProblem) return error.response;
    throw error;
  }
}
