import type { Anomaly } from '../../client-sdk/src/index.ts';
import type { AnomalyRecord } from './http-api.ts';

export type Direction = 'up' | 'down';

/** An anomaly, wherever it came from. */
export interface AnomalyEvent {
  readonly symbol: string;
  readonly sequence: number;
  readonly direction: Direction;
  readonly from: number;
  readonly to: number;
  /** Negative when down. */
  readonly percent: number;
  /** ms since the epoch. */
  readonly time: number;
}

/** An anomaly as the HTTP API tells it. */
export function fromRecord(record: AnomalyRecord): AnomalyEvent {
  return {
    symbol: record.symbol,
    sequence: record.sequence,
    direction: record.direction === 'Up' ? 'up' : 'down',
    from: record.referencePrice,
    to: record.newPrice,
    percent: record.changePercent,
    time: Date.parse(record.timestamp),
  };
}

/** An anomaly as it came live. */
export function fromLive(anomaly: Anomaly): AnomalyEvent {
  return {
    symbol: anomaly.symbol,
    sequence: anomaly.sequence,
    direction: anomaly.direction > 0 ? 'up' : 'down',
    from: anomaly.referencePrice,
    to: anomaly.newPrice,
    percent: anomaly.changePercent,
    time: anomaly.timestamp,
  };
}
