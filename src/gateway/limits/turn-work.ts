/** Work that takes long, cut into steps: one step a turn of the event loop, whoever's it is, so that sockets are read between. */
export class TurnWork {
  #steps: (() => void)[] = [];
  #isScheduled = false;

  /** Has a step done in a later turn, after those added before. A step that is not the last of its work adds the next. */
  add(step: () => void): void {
    this.#steps.push(step);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#steps.length === 0) return;
    this.#isScheduled = true;
    setImmediate(this.#run);
  }

  readonly #run = (): void => {
    this.#isScheduled = false;
    const step = this.#steps.shift();
    this.#schedule();
    step?.();
  };
}
