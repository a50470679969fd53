/** Draws at most once an animation frame, and only when something asked for it. */
export class FrameLoop {
  readonly #parts: ((nowMs: number) => void)[] = [];
  #isRequested = false;

  /** Adds a part of the page that draws what changed since it drew last. */
  add(draw: (nowMs: number) => void): void {
    this.#parts.push(draw);
  }

  /** Asks for a frame. */
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

/** Does something again and again, never twice at once. */
export class Poller {
  readonly #task: () => Promise<void>;
  readonly #pauseMs: () => number;
  readonly #told: (failingSinceMs: number | undefined) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isRunning = false;
  #isWanted = false;
  #failingSinceMs: number | undefined;

  /**
   * @param pauseMs how long to rest after each time
   * @param told is told after each time since when it fails (`Date.now()`), or undefined
   */
  constructor(
    task: () => Promise<void>,
    pauseMs: () => number,
    told: (failingSinceMs: number | undefined) => void = () => undefined,
  ) {
    this.#task = task;
    this.#pauseMs = pauseMs;
    this.#told = told;
  }

  /** Does it now; right after the present time where one is under way. */
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
    this.#told(this.#failingSinceMs);
    this.#timer = setTimeout(() => void this.#run(), this.#isWanted ? 0 : pauseMs);
  }
}
