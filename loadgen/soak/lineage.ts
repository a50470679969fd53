/**
 * Which frames of a publisher's stream the server has, told from what it said alone: `WELCOME` with the last sequence that
 * it knows, and acknowledgements. Frame `frames[s - 1]` of the stream went as sequence `s`.
 *
 * A server that comes back behind what it acknowledged has lost those frames, and the publisher goes on with the first that
 * was never acknowledged.
 */
export class Lineage {
  /** Frames of the stream that the server has, in the order in which it applied them. */
  readonly frames: number[] = [];
  /** Frames that it acknowledged and lost. */
  readonly lost: number[] = [];
  /** The first frame of the stream that was never acknowledged. */
  next = 0;

  /**
   * A session opened.
   *
   * @returns how many acknowledged frames the server no longer has
   */
  resumed(sequence: number): number {
    const lost = this.frames.splice(sequence);
    this.lost.push(...lost);
    this.acknowledged(sequence);
    return lost.length;
  }

  /** Everything up to `sequence` is settled. */
  acknowledged(sequence: number): void {
    while (this.frames.length < sequence) this.frames.push(this.next++);
  }
}
