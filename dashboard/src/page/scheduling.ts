/** Draws at most once an animation frame, and only on request. */
export class FrameLoop {
  readonly #parts: ((nowMs: number) => void)[] = [];
  #isRequested = false;

  /** Adds a function that draws what changed since its last call. */
  add(draw: (nowMs: number) => void): void {
    this.#parts.push(draw);
  }

  /** Requests a frame. */
  readonly request = (): void => {
    if (this.#isRequested) return;
    this.#isRequested = true;
    requestAnimationFrame((nowMs) => {
      this.#isRequested = false;
      for (const draw of this.#parts) draw(nowMs);
    });
  };
}

const RETRY_MS = 2000;

/** Repeats a task, one run at a time. */
export class Poller {
  readonly #task: () => Promise<void>;
  readonly #pauseMs: () => number;
  readonly #report: (failingSinceMs: number | undefined) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isRunning = false;
  #isWanted = false;
  #failingSinceMs: number | undefined;

  /**
   * @param pauseMs pause after each run, ms
   * @param report called after each run with the start of the present failure (`Date.now()`), or
   *   undefined
   */
  constructor(
    task: () => Promise<void>,
    pauseMs: () => number,
    report: (failingSinceMs: number | undefined) => void = () => undefined,
  ) {
    this.#task = task;
    this.#pauseMs = pauseMs;
    this.#report = report;
  }

  /** Runs the task now, or right after the run in progress. */
  now(): void {
    clearTimeout(this.#timer);
    if (this.#isRunning) this.#isWanted = true;
    else void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    this.#isWanted = false;
    let pauseMs = RETRY_MS;
    try {
      await this.#task();
      this.#failingSinceMs = undefined;
      pauseMs = this.#pauseMs();
    } catch {
      this.#failingSinceMs ??= Date.now();
    }
    this.#isRunning = false;
    this.#report(this.#failingSinceMs);
    this.#timer = setTimeout(() => void this.#run(), this.#isWanted ? 0 : pauseMs);
  }
}
