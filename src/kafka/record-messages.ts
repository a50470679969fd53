import { shownName, symbolOfName, tenantOf } from '../engine/index.ts';
import { type Alert, type Anomaly, namedAlert, type RaisedRecord } from '../protocol/index.ts';
import type { KafkaMessage } from './client.ts';

/** The last time that fits the four-digit year of RFC 3339. */
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** An anomaly as a message: the record of the HTTP API, its id and, if any, its tenant. */
export function anomalyMessage(anomaly: Anomaly): KafkaMessage {
  return message(anomaly, {
    symbol: symbolOfName(anomaly.symbol),
    sequence: anomaly.sequence,
    direction: anomaly.direction === 1 ? 'Up' : 'Down',
    referencePrice: anomaly.reference,
    newPrice: anomaly.price,
    changePercent: anomaly.changePercent,
    timestamp: timeText(anomaly.time),
  });
}

/** An alert as a message, in the same way. */
export function alertMessage(alert: Alert): KafkaMessage {
  return message(alert, namedAlert(alert, symbolOfName(alert.symbol), timeText));
}

/** Of one key: all of a symbol come to the same partition, in their order. */
function message(record: RaisedRecord, fields: object): KafkaMessage {
  const tenant = tenantOf(record.symbol);
  const key = shownName(record.symbol);
  const id = `${key}/${record.sequence}`;
  return {
    key,
    value: JSON.stringify({ id, ...(tenant === '' ? {} : { tenant }), ...fields }),
  };
}

function timeText(ms: number): string {
  return new Date(Math.min(ms, LAST_MS)).toISOString();
}
