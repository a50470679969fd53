/** Takes anomalies as numbers, so that the worker makes no object. */
export interface AnomalyOutput {
  /**
   * @param sequence of the symbol: 1, 2, 3 …
   * @param direction 1 up, -1 down
   * @param reference the extremum of the window that the price moved away from
   * @param changePercent from the reference to the price
   * @param time of the tick, ms since the epoch
   */
  append(
    symbolId: number,
    sequence: number,
    direction: number,
    reference: number,
    price: number,
    changePercent: number,
    time: number,
  ): void;
}

/** Percent points within which a change counts as equal to the threshold, as decimal arithmetic would have it. */
const EQUAL_WITHIN = 1e-9;

/**
 * The change from `reference` to `price` in percent. Between prices so far apart that the result exceeds every double it
 * is the largest double: the number must stay one on any wire.
 */
export function changePercent(reference: number, price: number): number {
  const change = ((price - reference) / reference) * 100;
  return change === Number.POSITIVE_INFINITY ? Number.MAX_VALUE : change;
}

/** Whether a change, in percent, lies beyond the threshold: strictly, as decimal arithmetic would decide it. */
export function isBeyond(change: number, thresholdPercent: number): boolean {
  return Math.abs(change) - thresholdPercent > EQUAL_WITHIN;
}
