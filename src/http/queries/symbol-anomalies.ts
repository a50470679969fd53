import { anomalyJson } from '../anomaly-json.ts';
import type { QueryContext } from '../context.ts';
import type { Handler } from '../handler.ts';
import { jsonResponse } from '../json-response.ts';
import { QueryParameters } from '../query-parameters.ts';
import { readableSymbol } from '../readable-symbol.ts';
import type { StatisticsReader } from '../statistics-reader.ts';
import { unknownSymbol } from '../unknown-symbol.ts';

/**
 * `GET /api/prices/{symbol}/anomalies`: a page of those that are held, oldest first. With `after`,
 * the first ones after it; without, the last ones before `before`, or of all.
 */
export function symbolAnomalies(context: QueryContext, reader: StatisticsReader): Handler {
  const { anomalies } = context;
  return ({ query }, symbol, client) => {
    const parameters = new QueryParameters(query);
    const after = parameters.sequence('after');
    const before = parameters.sequence('before') ?? Number.POSITIVE_INFINITY;
    const limit = parameters.limit();
    parameters.check();
    const symbolId = readableSymbol(context, client, symbol);
    const isKnown = symbolId >= 0 && (reader.hasData(symbolId) || anomalies.last(symbolId) > 0);
    if (!isKnown) throw unknownSymbol(symbol);
    const first = anomalies.first(symbolId);
    const end = Math.min(anomalies.last(symbolId) + 1, before);
    const from = Math.max(first, after === undefined ? end - limit : after + 1);
    const records = anomalies.past(symbolId, from, Math.min(limit, Math.max(0, end - from)));
    const last = records.at(-1)?.sequence;
    return jsonResponse(200, {
      items: records.map((record) => anomalyJson(record, symbol)),
      next: last !== undefined && last + 1 < end ? last : null,
    });
  };
}
