/** The server refuses ticks that are further ahead of its clock, unless configured otherwise. */
const AHEAD_MS_MAX = 5000;

/**
 * When a trade happened: what the venue says, unless that cannot be; then when it was received.
 *
 * @param time ms since the Unix epoch; NaN: the venue says none
 * @param receivedAt ms since the Unix epoch
 */
export function isPossibleTime(time: number, receivedAt: number): boolean {
  return time > 0 && time <= receivedAt + AHEAD_MS_MAX;
}
