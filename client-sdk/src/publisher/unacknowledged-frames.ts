/** A TICKS frame that the server has not acknowledged. */
export interface UnacknowledgedFrame {
  readonly sequence: number;
  /** The position of its first tick. */
  readonly from: number;
  readonly ticks: number;
}

/**
 * The frames of a connection that are not acknowledged, by sequences that follow one another: first
 * those that were sent, then those that wait to be sent again.
 */
export class UnacknowledgedFrames {
  #frames: UnacknowledgedFrame[] = [];
  /** Index of the oldest frame, and of the next one to send. */
  #first = 0;
  #next = 0;
  /** Ticks of the frames that were sent: what the publisher's credit is used up by. */
  ticksSent = 0;

  /** Frames that are not acknowledged. */
  get length(): number {
    return this.#frames.length - this.#first;
  }

  /** The oldest frame that waits to be sent. */
  get nextToSend(): UnacknowledgedFrame | undefined {
    return this.#frames[this.#next];
  }

  /** Adds a frame, which waits to be sent. */
  push(frame: UnacknowledgedFrame): void {
    this.#frames.push(frame);
  }

  /** Notes that {@link nextToSend} was sent. */
  markSent(): void {
    const frame = this.nextToSend;
    if (frame === undefined) return;
    this.ticksSent += frame.ticks;
    this.#next++;
  }

  /** The frame of a sequence. */
  find(sequence: number): UnacknowledgedFrame | undefined {
    const oldest = this.#frames[this.#first];
    if (oldest === undefined || sequence < oldest.sequence) return undefined;
    return this.#frames[this.#first + sequence - oldest.sequence];
  }

  /** Forgets the frames up to a sequence; returns how many ticks they hold. */
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

  /** Lets every frame wait to be sent again. */
  rewind(): void {
    this.#next = this.#first;
    this.ticksSent = 0;
  }

  /** Forgets all frames. */
  clear(): void {
    this.#frames = [];
    this.#first = 0;
    this.rewind();
  }

  // Cutting the front off now and then costs O(1) a frame; cutting each time would cost O(n).
  #compact(): void {
    if (this.#first < 1024 || this.#first * 2 < this.#frames.length) return;
    this.#frames = this.#frames.slice(this.#first);
    this.#next -= this.#first;
    this.#first = 0;
  }
}
