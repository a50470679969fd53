import { performance } from 'node:perf_hooks';

/** `stream.latency`. */
export type LatencyPolicy = 'low' | 'balanced' | 'cheap';

/** Utilization of the thread from which intervals grow, and at which they are at their longest. */
const BOUNDS: Readonly<Record<LatencyPolicy, readonly [from: number, to: number]>> = {
  low: [0.6, 1],
  balanced: [0.2, 0.7],
  cheap: [0, 0],
};
/** Time over which utilization is averaged, ms. */
const WINDOW_MS = 50;
/** Minimum time between two readings, ms. */
const READING_MS = 5;

/**
 * How much this thread is to save work by doing it at intervals: 0 while it has time to spare, up
 * to 1 when it is busy. Follows its utilization, the part of the last 50 ms or so in which its
 * event loop did not wait for events.
 *
 * Intervals in turn lower the utilization, so both settle where they balance.
 */
export class Pressure {
  value: number;
  readonly #from: number;
  readonly #to: number;
  #utilization = 0;
  #readAt = 0;
  #idleMs = 0;

  constructor(policy: LatencyPolicy) {
    [this.#from, this.#to] = BOUNDS[policy];
    this.value = this.#isConstant ? 1 : 0;
  }

  /** Reads the utilization now and then. @param now on the clock of `performance.now`, ms */
  update(now: number): void {
    const ms = now - this.#readAt;
    if (ms < READING_MS || this.#isConstant) return;
    const { idle } = performance.eventLoopUtilization();
    const busy = 1 - Math.min(1, Math.max(0, idle - this.#idleMs) / ms);
    this.#readAt = now;
    this.#idleMs = idle;
    this.#utilization += (busy - this.#utilization) * Math.min(1, ms / WINDOW_MS);
    const over = (this.#utilization - this.#from) / (this.#to - this.#from);
    this.value = Math.min(1, Math.max(0, over));
  }

  /**
   * What a rest saves of a flush, 0 to 1: updates that share a message with others. Where every
   * message has one update, a rest would cost time and save nothing: the sessions hardly ever meet
   * again soon.
   */
  merged(updatesPerMessage: number): number {
    return this.#isConstant ? 1 : 1 - 1 / updatesPerMessage;
  }

  get #isConstant(): boolean {
    return this.#to === 0;
  }
}
