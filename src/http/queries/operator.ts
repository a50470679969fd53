import type { Registry } from 'prom-client';
import { asyncApiDocument } from '../api-docs/asyncapi-document.ts';
import { openApiDocument } from '../api-docs/openapi-document.ts';
import type { Handler, QueryContext } from '../context.ts';
import { jsonResponse } from '../json.ts';
import { RETRY_AFTER, RequestProblem } from '../problems.ts';

/** `GET /healthz`: shows that the process is alive. */
export function liveness(): Handler {
  return () => jsonResponse(200, { status: 'ok' });
}

/** `GET /readyz`: whether the server is ready. */
export function readiness(context: QueryContext): Handler {
  return () => {
    const reason = context.health.fault();
    if (reason !== undefined) {
      const detail = `Not ready: ${reason}${reason.endsWith('.') ? '' : '.'}`;
      throw new RequestProblem(503, detail, {}, RETRY_AFTER);
    }
    const { rulesFault } = context.health;
    if (rulesFault === undefined) return jsonResponse(200, { status: 'ready' });
    // The rules before are in force: no reason to send clients elsewhere.
    const note = `the rule file is refused: ${rulesFault}`;
    return jsonResponse(200, { status: 'ready', note });
  };
}

/** `GET /metrics`: the metrics in Prometheus text format. */
export function scrape(registry: Registry): Handler {
  return async () => ({
    status: 200,
    headers: { 'content-type': registry.contentType },
    body: await registry.metrics(),
  });
}

/** `GET /openapi.json`: the description of this API. */
export function openApi(version: string): Handler {
  const response = jsonResponse(200, openApiDocument(version));
  return () => response;
}

/** `GET /asyncapi.json`: the description of the WebSocket protocol. */
export function asyncApi(version: string): Handler {
  const response = jsonResponse(200, asyncApiDocument(version));
  return () => response;
}
