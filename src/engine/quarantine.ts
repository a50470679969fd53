/**
 * Judges of the ticks that a partition's workers died on which are to blame: where the worker failed by itself, or a second
 * one died before it had put the tick aside. One at which a worker was only killed from outside is not.
 */
export class Quarantine {
  /** Ticks to blame so far, each counted once. */
  count = 0;
  /** Positions in the queue: of the tick that the last worker died on, and of the last one to blame. */
  #suspect: number | undefined;
  #blamed: number | undefined;

  /**
   * A worker died.
   *
   * @param position of the tick that it was applying; undefined where it was applying none
   * @param hasFailed whether it ended by an error of its own
   * @returns whether that tick is to blame
   */
  judge(position: number | undefined, hasFailed: boolean): boolean {
    const isSecond = this.#suspect === position;
    this.#suspect = position;
    if (position === undefined || !(hasFailed || isSecond)) return false;
    if (this.#blamed !== position) this.count++;
    this.#blamed = position;
    return true;
  }
}
