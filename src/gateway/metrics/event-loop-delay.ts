import type { HistogramReading } from './scraped-histogram.ts';

/** Sampling interval, ms. */
const INTERVAL_MS = 10;
/** Upper bounds of the buckets, s; the last one is open. */
const BOUNDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

/**
 * How late this thread's timers run: samples one every 10 ms into a histogram that is never reset,
 * so that any number of readers see every delay. (Node's own monitor would have to be reset to tell
 * one period from another, and has no buckets.)
 */
export class EventLoopDelay {
  readonly #counts = new Float64Array(BOUNDS.length + 1);
  readonly #clock: () => number;
  #sum = 0;
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
    const delay = Math.max(0, now - this.#dueAt) / 1000;
    this.#dueAt = now + INTERVAL_MS;
    let bucket = 0;
    while (bucket < BOUNDS.length && delay > (BOUNDS[bucket] as number)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#sum += delay;
  }

  /** All delays since the start. */
  read(): HistogramReading {
    return { labels: {}, bounds: BOUNDS, counts: [...this.#counts], sum: this.#sum };
  }
}
