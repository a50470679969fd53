/** Frames of a connection that no snapshot has yet, oldest first, where publishers are told of durable ones only. */
export class PendingDurable {
  readonly #sequences: number[] = [];
  readonly #sizes: number[] = [];
  #last = 0;
  /** Ticks in them: what the publisher holds back of its credit for want of an acknowledgement. */
  ticks = 0;

  /** A frame came; one that this connection sent before, or one older than that, is not held back a second time. */
  add(sequence: number, ticks: number): void {
    if (sequence <= this.#last) return;
    this.#last = sequence;
    this.#sequences.push(sequence);
    this.#sizes.push(ticks);
    this.ticks += ticks;
  }

  /** A snapshot has those up to a sequence. */
  settle(sequence: number): void {
    let settled = 0;
    while (settled < this.#sequences.length && (this.#sequences[settled] as number) <= sequence) {
      this.ticks -= this.#sizes[settled++] as number;
    }
    this.#sequences.splice(0, settled);
    this.#sizes.splice(0, settled);
  }
}
