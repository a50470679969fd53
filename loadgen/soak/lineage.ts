/**
 * Which frames of a publisher's stream the server has, told from what it said alone: `WELCOME` with
 * the last sequence that it knows, and acknowledgements. Frame `frames[s - 1]` of the stream went
 * as sequence `s`.
 *
 * A server that comes back behind what it acknowledged has lost those frames, and the publisher
 * goes on with the first that was never acknowledged.
 */
export class Lineage {
  /** Frames of the stream that the server has, in the order in which it applied them. */
  readonly frames: number[] = [];
  /** Frames that it acknowledged and lost. */
  readonly lost: number[] = [];
  /**
   * Frames that were on their way to a server when it was killed, and are sent again: it may have
   * applied them.
   */
  readonly again: number[] = [];
  /** Where in `frames` each process of the server begins, the first at 0. */
  readonly starts: number[] = [];
  /** The first frame of the stream that was never acknowledged. */
  next = 0;
  /**
   * When the oldest frame was acknowledged that the newest process lost, on the clock of
   * `performance.now`.
   */
  lostSince: number | undefined;
  /** By frame of `frames`. */
  readonly #acknowledgedAt: number[] = [];
  #epoch: string | undefined;

  /**
   * A session opened, with the process of the server that has this epoch.
   *
   * @returns how many acknowledged frames the server no longer has
   */
  resumed(sequence: number, epoch = ''): number {
    const lost = this.frames.splice(sequence);
    this.lost.push(...lost);
    const [lostSince] = this.#acknowledgedAt.splice(sequence);
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.lostSince = lostSince;
      while ((this.starts.at(-1) ?? -1) > this.frames.length) this.starts.pop();
      this.acknowledged(sequence);
      this.starts.push(this.frames.length);
    }
    this.acknowledged(sequence);
    return lost.length;
  }

  /** Everything up to `sequence` is settled. */
  acknowledged(sequence: number): void {
    const now = performance.now();
    while (this.frames.length < sequence) {
      this.frames.push(this.next++);
      this.#acknowledgedAt.push(now);
    }
  }

  /**
   * So many frames, the first that were never acknowledged, were on their way to a server that was
   * killed.
   */
  sentAgain(count: number): void {
    for (let i = 0; i < count; i++) this.again.push(this.next + i);
  }
}
