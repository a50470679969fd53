/** Which way a price moved: 1 up, -1 down. */
export type Direction = 1 | -1;

/** What anomalies and alerts have in common: they are numbered within their symbol. */
export interface RaisedRecord {
  readonly symbol: string;
  readonly sequence: number;
  /** ms since the Unix epoch. */
  readonly time: number;
}

/**
 * A price move beyond the threshold within the sliding window. The only representation of an
 * anomaly inside a server: the engine makes one object for each, which is passed on from there.
 */
export interface Anomaly {
  /** The symbol as the server knows it: a tenant's symbols carry the tenant's prefix. */
  readonly symbol: string;
  /** Number of the anomaly among those of its symbol: 1, 2, 3 … */
  readonly sequence: number;
  readonly direction: Direction;
  /** The extreme of the window that the price moved away from. */
  readonly reference: number;
  /** The price that raised the anomaly. */
  readonly price: number;
  /** From the reference to the price, percent; negative when down. */
  readonly changePercent: number;
  /** Time of the tick, ms since the Unix epoch. */
  readonly time: number;
}

/** An anomaly as an `ANOMALY` frame carries it. */
export type AnomalyTuple = readonly [
  symbolId: number,
  sequence: number,
  direction: Direction,
  reference: number,
  price: number,
  changePercent: number,
  time: number,
];

/** An anomaly as a `HISTORY_PAGE` carries it, where the page names the symbol. */
export type HistoryTuple = readonly [
  sequence: number,
  direction: Direction,
  reference: number,
  price: number,
  changePercent: number,
  time: number,
];

type Values = Omit<Anomaly, 'symbol'>;

/** An anomaly as an element of an `ANOMALY` frame. */
export function anomalyTuple(symbolId: number, anomaly: Values): AnomalyTuple {
  const { sequence, direction, reference, price, changePercent, time } = anomaly;
  return [symbolId, sequence, direction, reference, price, changePercent, time];
}

/** An anomaly as an element of a `HISTORY_PAGE`. */
export function historyTuple(anomaly: Values): HistoryTuple {
  const { sequence, direction, reference, price, changePercent, time } = anomaly;
  return [sequence, direction, reference, price, changePercent, time];
}
