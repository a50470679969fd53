import { createMetrics } from '../../gateway/metrics/metrics.ts';
import type { Handler } from '../handler.ts';
import type { QueryRoom } from '../http-room.ts';

/** `GET /metrics`: the metrics as Prometheus reads them. */
export function scrape(room: QueryRoom): Handler {
  const registry = createMetrics(room);
  return async () => ({
    status: 200,
    headers: { 'content-type': registry.contentType },
    body: await registry.metrics(),
  });
}
