import type { HttpRequest, HttpResponse } from '../transport/transport.ts';
import { ASSETS } from './assets/asset-list.ts';
import type { Assets } from './assets/assets.ts';
import { postPrices } from './commands/post-prices.ts';
import type { Handler } from './handler.ts';
import type { CommandRoom, QueryRoom } from './http-room.ts';
import { listOperations, type OperationKey } from './openapi/operations.ts';
import { asyncApi } from './queries/async-api.ts';
import { callList } from './queries/call-list.ts';
import { liveness, readiness } from './queries/health.ts';
import { listStatistics } from './queries/list-statistics.ts';
import { openApi } from './queries/open-api.ts';
import { processingStatistics } from './queries/processing-statistics.ts';
import { recentAnomalies } from './queries/recent-anomalies.ts';
import { scrape } from './queries/scrape.ts';
import { symbolAnomalies } from './queries/symbol-anomalies.ts';
import { symbolStatistics } from './queries/symbol-statistics.ts';
import { RequestProblem } from './request-problem.ts';
import { RouteTable } from './route-table.ts';
import { StatisticsReader } from './statistics-reader.ts';

/** Unless an answer says otherwise, it is of one moment; and it is what its type says it is. */
const COMMON_HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

/** The HTTP API: which request goes to which command or query. */
export function createRouter(
  commands: CommandRoom,
  queries: QueryRoom,
  assets: Assets,
): (request: HttpRequest) => Promise<HttpResponse> {
  const table = new RouteTable();
  const handlers = createHandlers(commands, queries, assets);
  for (const { key, method, path } of listOperations()) table.add(method, path, handlers[key]);
  // Of these, only the page itself is described: the others are its parts.
  for (const path of Object.keys(ASSETS)) table.add('GET', path, assets.handler(path));
  return async (request) => {
    const response = await respond(table, request);
    return { ...response, headers: { ...COMMON_HEADERS, ...response.headers } };
  };
}

/** What the OpenAPI document describes and what is answered are one list, for the compiler too. */
function createHandlers(
  commands: CommandRoom,
  queries: QueryRoom,
  assets: Assets,
): Readonly<Record<OperationKey, Handler>> {
  const reader = new StatisticsReader(queries.engine);
  return {
    'POST /api/prices': postPrices(commands),
    'GET /api/prices': listStatistics(queries, reader),
    'GET /api/prices/{symbol}': symbolStatistics(queries, reader),
    'GET /api/prices/{symbol}/anomalies': symbolAnomalies(queries, reader),
    'GET /api/anomalies': recentAnomalies(queries),
    'GET /api/statistics': processingStatistics(queries),
    'GET /metrics': scrape(queries),
    'GET /healthz': liveness(),
    'GET /readyz': readiness(queries),
    'GET /openapi.json': openApi(queries.version),
    'GET /asyncapi.json': asyncApi(queries.version),
    'GET /api': callList(queries.version),
    'GET /': assets.handler('/'),
  };
}

async function respond(table: RouteTable, request: HttpRequest): Promise<HttpResponse> {
  try {
    const { handler, symbol } = table.find(request.method, request.path);
    return await handler(request, symbol);
  } catch (error) {
    if (error instanceof RequestProblem) return error.response;
    throw error;
  }
}
