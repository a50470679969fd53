import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

/** Node.js reports a collection some event-loop turns later. */
const REPORTED_WITHIN_MS = 10;

/** Records when garbage was collected. */
export class CollectionWatch {
  readonly #starts: number[] = [];
  readonly #observer = new PerformanceObserver((list) => {
    for (const { startTime } of list.getEntries()) this.#starts.push(startTime);
  });

  constructor() {
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  /** Waits until all past collections are reported. */
  settle(): Promise<void> {
    return delay(REPORTED_WITHIN_MS);
  }

  /** Whether a collection started in a `performance.now` interval. */
  anyBetween(start: number, end: number): boolean {
    return this.#starts.some((collectedAt) => collectedAt > start && collectedAt < end);
  }

  stop(): void {
    this.#observer.disconnect();
  }
}
