const BASE_MS = 100;
const CAP_MS = 10_000;

/**
 * How long to wait before a reconnect, ms: random, so that the clients of a restarted server do not
 * come back all at once. After an announced close within the server's jitter; else up to a bound
 * that doubles with each failed attempt.
 */
export function reconnectDelayMs(failedAttempts: number, jitterMs: number | undefined): number {
  const bound = Math.min(CAP_MS, BASE_MS * 2 ** failedAttempts);
  return Math.random() * (failedAttempts === 0 && jitterMs !== undefined ? jitterMs : bound);
}
