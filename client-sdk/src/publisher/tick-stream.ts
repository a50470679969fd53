import type { TickColumns } from './tick.ts';
import { TickBuffer } from './tick-buffer.ts';
import { type UnacknowledgedFrame, UnacknowledgedFrames } from './unacknowledged-frames.ts';

/** What an acknowledgement covered. */
export interface Acknowledged {
  readonly frames: number;
  readonly ticks: number;
}

const NOTHING: Acknowledged = { frames: 0, ticks: 0 };

/**
 * All ticks of a publisher in their order, from the first that is not acknowledged:
 *
 *   acknowledged ──▶ framed ──▶ sealed ──▶ taken
 *            in frames   may be sent   the open batch
 *
 * Frames live as long as their connection. A server that opens a session tells the last sequence that
 * it has, and nothing can come to it on an older connection any more: what follows that sequence was
 * not applied, and may be cut into other frames.
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

  /** Ticks of them that are acknowledged. */
  get acknowledged(): number {
    return this.buffer.start;
  }

  /** Ticks that are in no frame yet. */
  get unframed(): number {
    return this.buffer.end - this.#framed;
  }

  /** Ticks of them that are not of the open batch. */
  get sealed(): number {
    return this.#sealed - this.#framed;
  }

  /** Ticks of the open batch. */
  get open(): number {
    return this.buffer.end - this.#sealed;
  }

  /** Ticks that are sent and not acknowledged. */
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

  /** The open batch may be sent. */
  seal(): void {
    this.#sealed = this.buffer.end;
  }

  /** Makes a frame of the oldest sealed ticks, which then is {@link nextToSend}. */
  cutFrame(ticks: number): void {
    this.#frames.push({ sequence: this.#nextSequence++, from: this.#framed, ticks });
    this.#framed += ticks;
  }

  /** Notes that {@link nextToSend} was sent. */
  markSent(): void {
    this.#frames.markSent();
  }

  /** Every frame has to be sent again, as it was: which of them the server has is not known. */
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
   * A session opened, and the server has frames up to `sequence`.
   *
   * @returns what that acknowledges; undefined when the server has frames that this publisher never
   *   sent
   */
  resume(sequence: number): Acknowledged | undefined {
    if (!this.#isNew && sequence >= this.#nextSequence) return undefined;
    // A server that is behind what it acknowledged lost its memory, and counts on from where it says.
    const acknowledged =
      sequence > this.#acknowledgedSequence ? this.acknowledge(sequence) : NOTHING;
    this.#isNew = false;
    this.#acknowledgedSequence = sequence;
    this.#nextSequence = sequence + 1;
    this.#frames.clear();
    this.#framed = this.buffer.start;
    return acknowledged;
  }

  /** The position of a tick of a frame that is not acknowledged. */
  positionOf(sequence: number, index: number): number | undefined {
    const frame = this.#frames.find(sequence);
    return frame !== undefined && index < frame.ticks ? frame.from + index : undefined;
  }
}
