/** Seals the open batch some time after its first tick came. */
export class BatchTimer {
  readonly #delayMs: number;
  readonly #seal: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isScheduled = false;

  /** @param delayMs 0: at the end of the current turn of the event loop */
  constructor(delayMs: number, seal: () => void) {
    this.#delayMs = delayMs;
    this.#seal = seal;
  }

  /** A tick came. */
  start(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    if (this.#delayMs === 0) queueMicrotask(() => this.#run());
    else this.#timer = setTimeout(() => this.#run(), this.#delayMs);
  }

  /** The batch was sealed before its time. */
  stop(): void {
    // A microtask cannot be called off: it finds an empty batch, or one that may go with it.
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isScheduled = false;
  }

  #run(): void {
    this.#timer = undefined;
    this.#isScheduled = false;
    this.#seal();
  }
}
