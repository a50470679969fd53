import { createMetrics } from '../../gateway/metrics/metrics.ts';
import type { QueryContext } from '../context.ts';
import type { Handler } from '../handler.ts';

/** `GET /metrics`: the metrics as Prometheus reads them. */
export function scrape(context: QueryContext): Handler {
  const registry = createMetrics(context);
  return async () => ({
    status: 200,
    headers: { 'content-type': registry.contentType },
    body: await registry.metrics(),
  });
}
