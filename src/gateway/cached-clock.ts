import { monotonicMs } from '../engine/index.ts';

/**
 * The time as read once a turn of the event loop, when first asked for: sockets hand over many messages a turn, and
 * looking at the clock would take a good part of what a small one costs.
 */
export class CachedClock {
  /** Ms since the epoch. */
  now = 0;
  /** The same moment on the monotonic clock, ms. */
  monotonic = 0;
  /** And on the clock of `performance.now`, ms. */
  steady = 0;
  #isRead = false;

  /** Sees to it that the fields hold a moment of this turn. */
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
