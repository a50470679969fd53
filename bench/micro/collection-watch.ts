import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

/** Node.js reports a collection some turns of the event loop later. */
const REPORTED_WITHIN_MS = 10;

/** Knows when garbage was collected. */
export class CollectionWatch {
  readonly #starts: number[] = [];
  readonly #observer = new PerformanceObserver((list) => {
    for (const { startTime } of list.getEntries()) this.#starts.push(startTime);
  });

  constructor() {
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  /** Waits until all collections so far are known. */
  settle(): Promise<void> {
    return delay(REPORTED_WITHIN_MS);
  }

  /** Whether a collection started between two times of `performance.now`. */
  anyBetween(start: number, end: number): boolean {
    return this.#starts.some((collectedAt) => collectedAt > start && collectedAt < end);
  }

  stop(): void {
    this.#observer.disconnect();
  }
}
