/** Whether a price may be taken in: a finite number above zero. NaN is none. */
export function isPrice(price: number): boolean {
  return price > 0 && price < Number.POSITIVE_INFINITY;
}

/**
 * Whether a tick's time may be taken in. NaN is none.
 *
 * @param timeMax the latest one, ms since the epoch
 */
export function isTickTime(time: number, timeMax: number): boolean {
  return time >= 0 && time <= timeMax;
}
