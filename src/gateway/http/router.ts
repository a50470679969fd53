import type { HttpRequest, HttpResponse } from '../transport/transport.ts';
import { postPrices } from './commands/post-prices.ts';
import type { Handler } from './handler.ts';
import type { CommandRoom, QueryRoom } from './http-room.ts';
import { listOperations, type OperationKey } from './openapi/operations.ts';
import { liveness, readiness } from './queries/health.ts';
import { indexPage } from './queries/index-page.ts';
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

/** Every answer is of one moment, and is what its type says it is. */
const COMMON_HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

/** The HTTP API: which request goes to which command or query. */
export function createRouter(
  commands: CommandRoom,
  queries: QueryRoom,
): (request: HttpRequest) => Promise<HttpResponse> {
  const table = new RouteTable();
  const handlers = createHandlers(commands, queries);
  for (const { key, method, path } of listOperations()) table.add(method, path, handlers[key]);
  return async (request) => {
    const response = await respond(table, request);
    return { ...response, headers: { ...COMMON_HEADERS, ...response.headers } };
  };
}

/** What the OpenAPI document describes and what is answered are one list, for the compiler too. */
function createHandlers(
  commands: CommandRoom,
  queries: QueryRoom,
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
    'GET /': indexPage(queries.version),
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
