/** Turns recorded times into times to send: the recorded pace, times a speed. */
export class ReplaySchedule {
  readonly #speed: number;
  #first: number | undefined;

  /** @param speed 1: as recorded; 10: ten times as fast; Infinity: as fast as possible */
  constructor(speed: number) {
    this.#speed = speed;
  }

  /**
   * When to send a tick recorded at `time`, ms since the run's start; NaN: as soon as possible.
   * Ticks older than the first are due at the start.
   */
  dueMs(time: number): number {
    if (this.#speed === Number.POSITIVE_INFINITY) return Number.NaN;
    this.#first ??= time;
    return Math.max(0, (time - this.#first) / this.#speed);
  }
}
