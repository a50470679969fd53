import type { PastAnomaly } from '../gateway/fanout/symbol-anomalies.ts';
import { formatRfc3339 } from './rfc-3339.ts';
import type { PriceAnomaly } from './schemas.ts';

/** An anomaly as HTTP shows it. */
export function anomalyJson(record: PastAnomaly, symbol: string): PriceAnomaly {
  return {
    symbol,
    sequence: record.sequence,
    direction: record.direction === 1 ? 'Up' : 'Down',
    referencePrice: record.reference,
    newPrice: record.price,
    changePercent: record.changePercent,
    timestamp: formatRfc3339(record.time),
  };
}
