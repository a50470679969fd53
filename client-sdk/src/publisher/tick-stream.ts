import type { TickColumns } from './tick.ts';
import { TickBuffer } from './tick-buffer.ts';
import { type UnacknowledgedFrame, UnacknowledgedFrames } from './unacknowledged-frames.ts';

/** What an acknowledgement covers. */
export interface Acknowledged {
  readonly frames: number;
  readonly ticks: number;
}

const NOTHING: Acknowledged = { frames: 0, ticks: 0 };

/**
 * The ticks of a publisher in order, from the first unacknowledged one:
 *
 *   acknowledged ──▶ framed ──▶ sealed ──▶ taken
 *            in frames   may be sent   the open batch
 *
 * When a session opens, the server reports the last frame that it has settled. Those after it are
 * sent again with their numbers and unchanged: it may have taken some of them, in part even.
 */
export class TickStream {
  readonly buffer = new TickBuffer();
  readonly #frames = new UnacknowledgedFrames();
  #framed = 0;
  #sealed = 0;
  #nextSequence = 1;
  #acknowledgedSequence = 0;
  #isNew = true;

  /** Ticks taken so far. */
  get taken(): number {
    return this.buffer.end;
  }

  /** Ticks acknowledged so far. */
  get acknowledged(): number {
    return this.buffer.start;
  }

  /** Ticks taken and not framed yet. */
  get unframed(): number {
    return this.buffer.end - this.#framed;
  }

  /** Ticks sealed and not framed yet. */
  get sealed(): number {
    return this.#sealed - this.#framed;
  }

  /** Ticks of the open batch. */
  get open(): number {
    return this.buffer.end - this.#sealed;
  }

  /** Ticks sent and not acknowledged. */
  get inFlight(): number {
    return this.#frames.ticksSent;
  }

  /** The oldest frame that waits to be sent. */
  get nextToSend(): UnacknowledgedFrame | undefined {
    return this.#frames.nextToSend;
  }

  take(alias: number, price: number, time: number): void {
    this.buffer.push(alias, price, time);
  }

  takeColumns(columns: TickColumns, from: number, count: number): void {
    this.buffer.append(columns, from, count);
  }

  /** Seals the open batch: it may be sent. */
  seal(): void {
    this.#sealed = this.buffer.end;
  }

  /** Makes a frame of the oldest sealed ticks, the next {@link nextToSend}. */
  cutFrame(ticks: number): void {
    this.#frames.push({ sequence: this.#nextSequence++, from: this.#framed, ticks });
    this.#framed += ticks;
  }

  /** Marks {@link nextToSend} as sent. */
  markSent(): void {
    this.#frames.markSent();
  }

  /** Every frame must be sent again unchanged: it is unknown which the server has. */
  rewind(): void {
    this.#frames.rewind();
  }

  acknowledge(sequence: number): Acknowledged {
    const framesBefore = this.#frames.length;
    const ticks = this.#frames.acknowledge(sequence);
    const frames = framesBefore - this.#frames.length;
    if (frames === 0) return NOTHING;
    this.#acknowledgedSequence = sequence;
    this.buffer.drop(ticks);
    return { frames, ticks };
  }

  /**
   * A session opened, and the server has settled the frames up to `sequence`.
   *
   * @param frameTicksMax most ticks of a frame that it takes
   * @returns what that acknowledges; undefined if the server has frames that were never sent
   */
  resume(sequence: number, frameTicksMax: number): Acknowledged | undefined {
    if (!this.#isNew && sequence >= this.#nextSequence) return undefined;
    const isKnown = sequence >= this.#acknowledgedSequence;
    const acknowledged = isKnown ? this.acknowledge(sequence) : NOTHING;
    this.#acknowledgedSequence = sequence;
    this.#frames.rewind();
    // A server that is behind its own acknowledgements lost its memory, and continues from there.
    if (this.#isNew || !isKnown || this.#frames.ticksMax > frameTicksMax) {
      this.#isNew = false;
      this.#nextSequence = sequence + 1;
      this.#frames.clear();
      this.#framed = this.buffer.start;
    }
    return acknowledged;
  }

  /** Position of a tick of an unacknowledged frame. */
  positionOf(sequence: number, index: number): number | undefined {
    const frame = this.#frames.find(sequence);
    return frame !== undefined && index < frame.ticks ? frame.from + index : undefined;
  }
}
