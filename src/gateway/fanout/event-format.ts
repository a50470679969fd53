import type { Anomaly } from '../../engine/index.ts';
import type { Frame } from '../../protocol/index.ts';

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
  /** @param ordinal place among the anomalies of all symbols; negative: not known */
  anomaly(symbol: string, anomaly: Anomaly, ordinal: number): string;
  /** Any other frame. */
  frame(frame: Frame): string;
  /** Anomalies since the client's last one are missing, because the server no longer has them. */
  gap(): string;
}
