/** Frames of a connection that no snapshot has yet, oldest first, where publishers are told of durable ones only. */
export class UndurableFrames {
  readonly #sequences: number[] = [];
  readonly #sizes: number[] = [];
  /** Ticks in them: what the publisher holds back of its credit for want of an acknowledgement. */
  ticks = 0;

  add(sequence: number, ticks: number): void {
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
