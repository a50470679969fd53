import type { AnomalyTuple, Direction, HistoryTuple } from '../../../src/protocol/index.ts';

/** A price move beyond the threshold inside the server's sliding window. */
export interface Anomaly {
  /** The symbol that moved. */
  readonly symbol: string;
  /** Numbers the symbol's anomalies 1, 2, 3 … */
  readonly sequence: number;
  /** 1 up, -1 down. */
  readonly direction: Direction;
  /** The extreme of the window that the price moved away from. */
  readonly referencePrice: number;
  /** The price that raised the anomaly. */
  readonly newPrice: number;
  /** From the reference price to the new one, percent; negative when down. */
  readonly changePercent: number;
  /** The tick's time, ms since the Unix epoch. */
  readonly timestamp: number;
}

/** Anomalies of a symbol that were missed and that the server no longer has. */
export interface AnomalyGap {
  /** The symbol that they are of. */
  readonly symbol: string;
  /** The first sequence that is missing. */
  readonly fromSequence: number;
  /** The last sequence that is missing. */
  readonly toSequence: number;
}

/** One page of a symbol's anomalies, oldest first. */
export interface HistoryPage {
  /** The anomalies of the page. */
  readonly anomalies: readonly Anomaly[];
  /** Whether later anomalies exist: ask again after the last sequence of this page. */
  readonly more: boolean;
}

/** An anomaly with names for the values that follow the symbol in a frame. */
export function namedAnomaly(symbol: string, values: HistoryTuple): Anomaly {
  const [sequence, direction, referencePrice, newPrice, changePercent, timestamp] = values;
  return { symbol, sequence, direction, referencePrice, newPrice, changePercent, timestamp };
}

/** What an ANOMALY frame says of one symbol, without the symbol's id. */
export function withoutId(tuple: AnomalyTuple): HistoryTuple {
  const [, ...values] = tuple;
  return values;
}
