import type { Anomaly } from '../../engine/index.ts';
import type { Alert, Frame } from '../../protocol/index.ts';
import type { RecordKindName } from '../subscriptions/subscription-columns.ts';

/**
 * How a session that keeps no state gets its messages: rows instead of deltas, names instead of
 * ids. Each method returns the text of an event, or of nothing.
 */
export interface EventFormat {
  /**
   * The statistics of a symbol.
   *
   * @param values six from `offset` on: price, average, count, time, min, max
   * @param fields mask of those wanted
   */
  statistics(symbol: string, values: Float64Array, offset: number, fields: number): string;
  /** Called first: with the ordinals of the first anomaly and of the first alert that may come. */
  begin(anomalies: number, alerts: number): void;
  /** @param ordinal place among the anomalies of all symbols; negative: not known */
  anomaly(symbol: string, anomaly: Anomaly, ordinal: number): string;
  /** @param ordinal place among the alerts of all symbols; negative: not known */
  alert(symbol: string, alert: Alert, ordinal: number): string;
  /** Any other frame. */
  frame(frame: Frame): string;
  /**
   * Records since the client's last event are missing, because the server no longer has them.
   *
   * @param next ordinal of the first one that may come
   */
  gap(kind: RecordKindName, next: number): string;
}
