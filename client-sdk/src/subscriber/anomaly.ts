import type { Direction, HistoryTuple } from '../../../src/protocol/index.ts';

/** A price move beyond the threshold inside the server's sliding window. */
export interface Anomaly {
  /** The symbol that moved. */
  readonly symbol: string;
  /** Number among the symbol's anomalies, from 1. */
  readonly sequence: number;
  /** 1 up, -1 down. */
  readonly direction: Direction;
  /** The extreme of the window from which the price moved away. */
  readonly referencePrice: number;
  /** The price that raised the anomaly. */
  readonly newPrice: number;
  /** Change from the reference price to the new one, percent; negative when down. */
  readonly changePercent: number;
  /** The tick's time, ms since the Unix epoch. */
  readonly timestamp: number;
}

/** Anomalies of a symbol that were missed and that the server no longer has. */
export interface AnomalyGap {
  /** The symbol. */
  readonly symbol: string;
  /** First missing sequence. */
  readonly fromSequence: number;
  /** Last missing sequence. */
  readonly toSequence: number;
}

/** One page of a symbol's anomalies, oldest first. */
export interface HistoryPage {
  /** The anomalies of the page. */
  readonly anomalies: readonly Anomaly[];
  /** Whether there are later anomalies: ask again after the last sequence of this page. */
  readonly more: boolean;
}

/** Names the values of a frame's anomaly. */
export function namedAnomaly(symbol: string, values: HistoryTuple): Anomaly {
  const [sequence, direction, referencePrice, newPrice, changePercent, timestamp] = values;
  return { symbol, sequence, direction, referencePrice, newPrice, changePercent, timestamp };
}
