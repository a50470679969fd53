/** A TICKS frame that the server has not acknowledged. */
export interface UnacknowledgedFrame {
  readonly sequence: number;
  /** Position of its first tick. */
  readonly from: number;
  readonly ticks: number;
}

/**
 * The unacknowledged frames, with consecutive sequences: first those sent, then those to be sent.
 */
export class UnacknowledgedFrames {
  #frames: UnacknowledgedFrame[] = [];
  /** Index of the oldest frame, and of the next one to send. */
  #first = 0;
  #next = 0;
  /** Ticks of the frames sent, which use up the publisher's credit. */
  ticksSent = 0;

  /** Unacknowledged frames. */
  get length(): number {
    return this.#frames.length - this.#first;
  }

  /** The oldest frame not sent yet. */
  get nextToSend(): UnacknowledgedFrame | undefined {
    return this.#frames[this.#next];
  }

  /** Ticks of the largest of them. */
  get ticksMax(): number {
    return this.#frames.slice(this.#first).reduce((most, { ticks }) => Math.max(most, ticks), 0);
  }

  /** Adds a frame to be sent. */
  push(frame: UnacknowledgedFrame): void {
    this.#frames.push(frame);
  }

  /** Marks {@link nextToSend} as sent. */
  markSent(): void {
    const frame = this.nextToSend;
    if (frame === undefined) return;
    this.ticksSent += frame.ticks;
    this.#next++;
  }

  find(sequence: number): UnacknowledgedFrame | undefined {
    const oldest = this.#frames[this.#first];
    if (oldest === undefined || sequence < oldest.sequence) return undefined;
    return this.#frames[this.#first + sequence - oldest.sequence];
  }

  /** Drops the frames up to a sequence; returns their ticks. */
  acknowledge(sequence: number): number {
    let ticks = 0;
    let frame = this.#frames[this.#first];
    while (frame !== undefined && frame.sequence <= sequence) {
      ticks += frame.ticks;
      if (this.#first < this.#next) this.ticksSent -= frame.ticks;
      frame = this.#frames[++this.#first];
    }
    if (this.#next < this.#first) this.#next = this.#first;
    this.#compact();
    return ticks;
  }

  /** Marks every frame as not sent. */
  rewind(): void {
    this.#next = this.#first;
    this.ticksSent = 0;
  }

  clear(): void {
    this.#frames = [];
    this.#first = 0;
    this.rewind();
  }

  // Amortized O(1) a frame; cutting at each ACK would cost O(n).
  #compact(): void {
    if (this.#first < 1024 || this.#first * 2 < this.#frames.length) return;
    this.#frames = this.#frames.slice(this.#first);
    this.#next -= this.#first;
    this.#first = 0;
  }
}
