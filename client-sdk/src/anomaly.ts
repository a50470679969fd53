import type { AnomalyTuple, Direction, HistoryTuple } from '../../src/protocol/index.ts';

/** A price move beyond the threshold. */
export interface Anomaly {
  readonly symbol: string;
  /** Numbers the symbol's anomalies 1, 2, 3 … */
  readonly sequence: number;
  /** 1 up, -1 down. */
  readonly direction: Direction;
  readonly referencePrice: number;
  readonly newPrice: number;
  readonly changePercent: number;
  /** The tick's time, ms since the epoch. */
  readonly timestamp: number;
}

/** One page of a symbol's anomalies, oldest first. */
export interface HistoryPage {
  readonly anomalies: readonly Anomaly[];
  /** Whether later anomalies exist: ask again after the last sequence of this page. */
  readonly more: boolean;
}

/**
 * An anomaly with names for its values: those that follow the symbol in an ANOMALY frame are those
 * of a HISTORY_PAGE.
 */
export function namedAnomaly(symbol: string, values: HistoryTuple): Anomaly {
  const [sequence, direction, referencePrice, newPrice, changePercent, timestamp] = values;
  return { symbol, sequence, direction, referencePrice, newPrice, changePercent, timestamp };
}

/** What an ANOMALY frame says of one symbol, without the symbol's id. */
export function withoutId(tuple: AnomalyTuple): HistoryTuple {
  const [, ...values] = tuple;
  return values;
}
