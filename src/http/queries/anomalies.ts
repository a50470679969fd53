import type { Anomaly } from '../../engine/index.ts';
import type { Handler, QueryContext } from '../context.ts';
import { formatRfc3339 } from '../rfc-3339.ts';
import type { PriceAnomaly } from '../schemas.ts';
import * as schemas from '../schemas.ts';
import { type RecordAnswers, recentRecords, symbolRecords } from './record-pages.ts';
import type { StatisticsReader } from './statistics.ts';

const ANSWERS: RecordAnswers<Anomaly> = {
  columns: Object.keys(schemas.priceAnomaly.shape),
  log: ({ anomalies }) => anomalies,
  store: (store) => store,
  json: anomalyJson,
  filter: () => undefined,
};

/** `GET /api/prices/{symbol}/anomalies`: see {@link symbolRecords}. */
export function symbolAnomalies(context: QueryContext, reader: StatisticsReader): Handler {
  return symbolRecords(ANSWERS, context, reader);
}

/** `GET /api/anomalies`: see {@link recentRecords}. */
export function recentAnomalies(context: QueryContext): Handler {
  return recentRecords(ANSWERS, context);
}

/** An anomaly in the form of the HTTP API, with the symbol that the client knows. */
export function anomalyJson(anomaly: Anomaly, symbol: string): PriceAnomaly {
  return {
    symbol,
    sequence: anomaly.sequence,
    direction: anomaly.direction === 1 ? 'Up' : 'Down',
    referencePrice: anomaly.reference,
    newPrice: anomaly.price,
    changePercent: anomaly.changePercent,
    timestamp: formatRfc3339(anomaly.time),
  };
}
