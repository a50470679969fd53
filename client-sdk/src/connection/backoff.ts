/** The bound of the first wait, and the greatest bound, ms. */
const BASE_MS = 500;
const CAP_MS = 20_000;

/**
 * How long to wait before the next attempt, ms: random between 0 and a bound that doubles with each
 * failed attempt ("full jitter"), so that the clients of a restarted server do not come back all at
 * once.
 *
 * @param failures attempts that failed in a row before this wait, from 0
 */
export function backoffMs(failures: number): number {
  return Math.random() * Math.min(CAP_MS, BASE_MS * 2 ** failures);
}
