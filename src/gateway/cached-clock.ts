import { monotonicUs } from '../engine/index.ts';

/**
 * The time, read at most once an iteration of the event loop: sockets deliver many messages in one,
 * and reading the clock would be a good part of the cost of a small message.
 */
export class CachedClock {
  /** Ms since the epoch. */
  now = 0;
  /** The same moment on the clock of latencies: `monotonicUs`. */
  monotonicUs = 0;
  /** The same moment on the clock of `performance.now`, ms. */
  steady = 0;
  #isRead = false;

  /** Updates the fields unless they were read in this iteration. */
  read(): void {
    if (this.#isRead) return;
    this.#isRead = true;
    this.now = Date.now();
    this.monotonicUs = monotonicUs();
    this.steady = performance.now();
    setImmediate(this.#expire);
  }

  readonly #expire = (): void => {
    this.#isRead = false;
  };
}
