const FIRST_MS = 1000;
const LONGEST_MS = 60_000;
/** A connection that lasted so long was good: the next failure starts from the shortest delay. */
const LASTED_MS = 30_000;

/**
 * Delays before the next attempt: full jitter, a random part of a bound that doubles. Feeds that
 * lost a venue at the same moment do not come back at the same moment.
 */
export class Backoff {
  readonly #random: () => number;
  #failures = 0;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /**
   * The delay after a connection that ended, ms.
   *
   * @param lastedMs how long it was of use; 0: it never was
   * @param leastMs what the venue asked for
   */
  next(lastedMs: number, leastMs = 0): number {
    if (lastedMs >= LASTED_MS) this.#failures = 0;
    const bound = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures);
    this.#failures += 1;
    return leastMs + this.#random() * bound;
  }
}
