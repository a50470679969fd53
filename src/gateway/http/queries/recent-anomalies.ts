import { CursorError, type Store } from '../../../store/index.ts';
import { anomalyJson } from '../anomaly-json.ts';
import type { Handler } from '../handler.ts';
import type { QueryRoom } from '../http-room.ts';
import { jsonResponse } from '../json-response.ts';
import { QueryParameters } from '../query-parameters.ts';
import { RequestProblem } from '../request-problem.ts';

/** The page size where the request names none. */
export const RECENT_LIMIT_DEFAULT = 50;

/**
 * `GET /api/anomalies`: the most recent ones of all symbols, newest first; or, where the query names a time or a page, those
 * of a span of time, oldest first.
 */
export function recentAnomalies({ anomalies, store }: QueryRoom): Handler {
  return ({ query }) => {
    const parameters = new QueryParameters(query);
    const from = parameters.time('from');
    const to = parameters.time('to');
    const after = parameters.text('after');
    const limit = parameters.limit(RECENT_LIMIT_DEFAULT);
    parameters.check();
    if (from === undefined && to === undefined && after === undefined) {
      const items = anomalies.recent(limit);
      return jsonResponse(200, { items: items.map((item) => anomalyJson(item, item.symbol)) });
    }
    if (store === undefined) {
      throw new RequestProblem(404, 'This server has no store, so it knows recent anomalies only.');
    }
    const range = { from: from ?? 0, to: to ?? Number.POSITIVE_INFINITY, after, limit };
    const { items, next } = pageOf(store, range, parameters);
    return jsonResponse(200, {
      items: items.map((item) => anomalyJson(item, item.symbol)),
      next: next ?? null,
    });
  };
}

function pageOf(store: Store, range: Parameters<Store['between']>[0], parameters: QueryParameters) {
  try {
    return store.between(range);
  } catch (error) {
    if (!(error instanceof CursorError)) throw error;
    parameters.refuse('after', 'the `next` of a page before');
    parameters.check();
    throw error;
  }
}
