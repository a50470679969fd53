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
