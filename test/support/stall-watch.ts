import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Measures how long this process, the server of the test in it, did nothing at a stretch: what a busy machine takes of it. */
export class StallWatch {
  readonly #delays = monitorEventLoopDelay({ resolution: 1 });

  constructor() {
    this.#delays.enable();
  }

  /** The longest stretch since the start, ms. */
  stop(): number {
    this.#delays.disable();
    return this.#delays.max / 1e6;
  }
}
