/** The mean of the first delay, ms. */
const BASE_MS = 500;
/** The longest delay that is not the receiver's wish, ms. */
const DELAY_MS_MAX = 60_000;
/** The longest that a receiver may wish for, ms. */
const RETRY_AFTER_MS_MAX = 600_000;

/**
 * The delay before the next attempt, with full jitter: clients that failed together do not come
 * back together.
 *
 * @param failures attempts that failed in a row, from 1
 * @param random in [0, 1)
 */
export function backoffMs(failures: number, random: number): number {
  return random * Math.min(DELAY_MS_MAX, 2 * BASE_MS * 2 ** Math.min(failures - 1, 30));
}

/**
 * What `Retry-After` asks for, in seconds or as a date.
 *
 * @returns ms, at most ten minutes; undefined for another text
 */
export function retryAfterMs(header: string | null, nowMs: number): number | undefined {
  const text = header?.trim() ?? '';
  // Date.parse takes "-1" for a year.
  const date = text.endsWith(' GMT') ? Date.parse(text) : Number.NaN;
  const ms = /^\d{1,15}$/.test(text) ? Number(text) * 1000 : date - nowMs;
  // A date in the past, or by a clock that is behind: now.
  return Number.isNaN(ms) ? undefined : Math.max(0, Math.min(ms, RETRY_AFTER_MS_MAX));
}
