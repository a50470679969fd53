import type { Tracing } from '../telemetry/tracing.ts';
import type { OperationKey } from './api-docs/openapi-operations.ts';
import type { Handler } from './context.ts';
import { RequestProblem } from './problems.ts';

/**
 * Traces the commands and queries of one operation, once they are admitted. Probes, scrapes and
 * assets are none. Without `tracing`, the handler is left as it is.
 */
export function traceHandler(
  tracing: Tracing | undefined,
  key: OperationKey,
  handler: Handler,
): Handler {
  const [method = '', route = ''] = key.split(' ');
  if (tracing === undefined || !route.startsWith('/api/')) return handler;
  const known = { 'http.request.method': method, 'http.route': route };
  return async (request, symbol, client) => {
    const attributes = { ...known, 'url.path': request.path };
    const span = tracing.start(key, { attributes, request });
    const answered = (status: number) => span.note({ 'http.response.status_code': status });
    try {
      const response = await handler(request, symbol, client);
      answered(response.status);
      span.end();
      return response;
    } catch (error) {
      const isRefusal = error instanceof RequestProblem && error.response.status < 500;
      answered(error instanceof RequestProblem ? error.response.status : 500);
      if (isRefusal) span.end();
      else span.fail(error);
      throw error;
    }
  };
}
