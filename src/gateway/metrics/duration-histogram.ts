import type { HistogramReading } from './scraped-histogram.ts';

/** Upper bounds of the buckets, s; the last one is open. */
const BOUNDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

/** Counts durations in a histogram that is never reset: any number of readers see all. */
export class DurationHistogram {
  readonly #counts = new Float64Array(BOUNDS.length + 1);
  #sum = 0;

  add(durationMs: number): void {
    const seconds = durationMs / 1000;
    let bucket = 0;
    while (bucket < BOUNDS.length && seconds > (BOUNDS[bucket] as number)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#sum += seconds;
  }

  /** All durations so far, in seconds. */
  read(): HistogramReading {
    return { labels: {}, bounds: BOUNDS, counts: [...this.#counts], sum: this.#sum };
  }
}
