import type { Anomaly } from '../engine/index.ts';
import { formatRfc3339 } from './rfc-3339.ts';
import type { PriceAnomaly } from './schemas.ts';

/** An anomaly as HTTP shows it, under the symbol that the client knows. */
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
