import { monotonicMs } from '../engine/index.ts';

/**
 * The time, read at most once a turn of the event loop: sockets deliver many messages a turn, and
 * reading the clock would be a good part of the cost of a small one.
 */
export class CachedClock {
  /** Ms since the epoch. */
  now = 0;
  /** The same moment on the monotonic clock, ms. */
  monotonic = 0;
  /** The same moment on the clock of `performance.now`, ms. */
  steady = 0;
  #isRead = false;

  /** Updates the fields unless they were read in this turn. */
  read(): void {
    if (this.#isRead) return;
    this.#isRead = true;
    this.now = Date.now();
    this.monotonic = monotonicMs();
    this.steady = performance.now();
    setImmediate(this.#turned);
  }

  readonly #turned = (): void => {
    this.#isRead = false;
  };
}
