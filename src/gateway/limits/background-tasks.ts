/**
 * Long work in steps: one step at a time, in order. A pause as long as the step follows each, so
 * that half of the time is left to everything else.
 */
export class BackgroundTasks {
  readonly #fault: (error: unknown) => void;
  #steps: (() => void)[] = [];
  #isScheduled = false;
  #restMs = 0;

  /** @param fault reports an error that a step throws */
  constructor(fault: (error: unknown) => void) {
    this.#fault = fault;
  }

  /** Queues a step. A step that is not the last of its work adds the next. */
  add(step: () => void): void {
    this.#steps.push(step);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#steps.length === 0) return;
    this.#isScheduled = true;
    setTimeout(this.#run, this.#restMs);
  }

  readonly #run = (): void => {
    const startedAt = performance.now();
    try {
      this.#steps.shift()?.();
    } catch (error) {
      this.#fault(error);
    }
    this.#restMs = Math.ceil(performance.now() - startedAt);
    this.#isScheduled = false;
    this.#schedule();
  };
}
