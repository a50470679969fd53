import { DurationHistogram } from './duration-histogram.ts';
import type { HistogramReading } from './scraped-histogram.ts';

/**
 * Sampling interval, ms. Each sample wakes the thread: a hundred a second were most of what an idle
 * server cost.
 */
const INTERVAL_MS = 50;

/**
 * How late this thread's timers run: samples one every 50 ms into a histogram that is never reset,
 * so that any number of readers see every delay. (Node's own monitor would have to be reset to tell
 * one period from another, and has no buckets.)
 */
export class EventLoopDelay {
  readonly #delays = new DurationHistogram();
  readonly #clock: () => number;
  #dueAt = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param clock monotonic, ms */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** Starts sampling. It does not keep the process alive. */
  start(): void {
    this.#dueAt = this.#clock() + INTERVAL_MS;
    this.#timer = setInterval(() => this.sample(), INTERVAL_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Counts the delay of a timer that was due one interval after the last. */
  sample(): void {
    const now = this.#clock();
    this.#delays.add(Math.max(0, now - this.#dueAt));
    this.#dueAt = now + INTERVAL_MS;
  }

  /** All delays since the start. */
  read(): HistogramReading {
    return this.#delays.read();
  }
}
