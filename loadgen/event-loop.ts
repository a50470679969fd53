import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 1;

/**
 * How late the event loop of a generator process was: latencies below this say nothing of the
 * server.
 */
export interface EventLoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Watches how late this process's event loop runs its timers. */
export class EventLoopWatch {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor() {
    this.#histogram.enable();
  }

  /** Forgets what was before. */
  restart(): void {
    this.#histogram.reset();
  }

  /** Delays since the start, ms, beyond the timer's own period. */
  summary(): EventLoopDelay {
    const ms = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
    const histogram = this.#histogram;
    return {
      p50: ms(histogram.percentile(50)),
      p99: ms(histogram.percentile(99)),
      max: ms(histogram.max),
    };
  }

  stop(): void {
    this.#histogram.disable();
  }
}
