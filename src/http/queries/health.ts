import type { QueryContext } from '../context.ts';
import type { Handler } from '../handler.ts';
import { jsonResponse } from '../json-response.ts';
import { RETRY_AFTER, RequestProblem } from '../request-problem.ts';

/** `GET /healthz`: whether the process lives, which it shows by answering. */
export function liveness(): Handler {
  return () => jsonResponse(200, { status: 'ok' });
}

/** `GET /readyz`: whether traffic should be sent here. */
export function readiness(context: QueryContext): Handler {
  return () => {
    const reason = context.health.fault();
    if (reason !== undefined)
      throw new RequestProblem(503, `Not ready: ${reason}.`, {}, RETRY_AFTER);
    return jsonResponse(200, { status: 'ready' });
  };
}
