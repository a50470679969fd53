import { PUBLISH_PATH, STREAM_PATH } from '../../protocol/index.ts';
import type { Tracing } from '../../telemetry/tracing.ts';
import type { RequestHead, UpgradeDecision } from '../transport/transport.ts';

/**
 * Traces upgrades, from the request to the open session. Without `tracing`, `decide` is left as it
 * is. (The span of a client that goes before its socket is open is never ended, so not exported.)
 */
export function traceUpgrades(
  tracing: Tracing | undefined,
  decide: (head: RequestHead) => UpgradeDecision,
): (head: RequestHead) => UpgradeDecision {
  if (tracing === undefined) return decide;
  return (head) => {
    const isKnown = head.path === PUBLISH_PATH || head.path === STREAM_PATH;
    const route = isKnown ? head.path : 'unknown';
    const attributes = { 'http.request.method': 'GET', 'http.route': route };
    const span = tracing.start(`upgrade ${route}`, { attributes, request: head });
    const decision = decide(head);
    if (!decision.accept) {
      span.note({ 'http.response.status_code': decision.response.status });
      span.end();
      return decision;
    }
    const open: typeof decision.open = (socket) => {
      span.note({ 'http.response.status_code': 101, 'tickwire.subprotocol': decision.subprotocol });
      try {
        const handler = decision.open(socket);
        span.end();
        return handler;
      } catch (error) {
        span.fail(error);
        throw error;
      }
    };
    return { ...decision, open };
  };
}
