import { anomalyJson } from '../anomaly-json.ts';
import type { Handler } from '../handler.ts';
import type { QueryRoom } from '../http-room.ts';
import { jsonResponse } from '../json-response.ts';
import { QueryParameters } from '../query-parameters.ts';

/** The page size where the request names none. */
export const RECENT_LIMIT_DEFAULT = 50;

/** `GET /api/anomalies`: the most recent ones of all symbols, newest first. */
export function recentAnomalies({ anomalies, engine }: QueryRoom): Handler {
  return ({ query }) => {
    const parameters = new QueryParameters(query);
    const limit = parameters.limit(RECENT_LIMIT_DEFAULT);
    parameters.check();
    const records = anomalies.recent(limit);
    return jsonResponse(200, {
      items: records.map((record) => anomalyJson(record, engine.symbols.name(record.symbolId))),
    });
  };
}
