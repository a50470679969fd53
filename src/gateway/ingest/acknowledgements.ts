import type { PublisherSession } from '../sessions/session.ts';

/**
 * Minimum time between two ACKs to a publisher, ms: to one that may be waiting, and to one that
 * sends frame after frame.
 */
const INTERVAL_MS = 2;
const INTERVAL_MS_PIPELINED = 8;
/** ACKs due within this time are sent together with those that are due, ms. */
const SLACK_MS = 2;

/**
 * Publishers with unacknowledged frames, and when their ACKs are due. All times are on the clock of
 * `performance.now`, ms.
 */
export class Acknowledgements {
  /** When the next ACK is due; infinite if none. */
  dueAt = Number.POSITIVE_INFINITY;
  #waiting: PublisherSession[] = [];

  /** A session accepted a frame. */
  add(session: PublisherSession): void {
    if (session.framesUnacknowledged++ > 0) return;
    this.#waiting.push(session);
    this.dueAt = Math.min(this.dueAt, dueAt(session));
  }

  forget(session: PublisherSession): void {
    const at = this.#waiting.indexOf(session);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  /**
   * Sends the ACKs that are due now or soon.
   *
   * @param areAll whether to send all
   */
  send(now: number, areAll: boolean): void {
    for (const session of this.#waiting) {
      // Already acknowledged with new credit, or listed twice.
      if (session.framesUnacknowledged === 0) continue;
      if (!areAll && now + SLACK_MS < dueAt(session)) continue;
      session.wasPipelined = session.framesUnacknowledged > 1;
      session.acknowledge();
      session.acknowledgedAt = now;
    }
    this.#waiting = this.#waiting.filter((left) => left.framesUnacknowledged > 0);
    this.dueAt = Math.min(...this.#waiting.map(dueAt));
  }
}

function dueAt({ acknowledgedAt, framesUnacknowledged, wasPipelined }: PublisherSession): number {
  const isPipelined = framesUnacknowledged > 1 || wasPipelined;
  return acknowledgedAt + (isPipelined ? INTERVAL_MS_PIPELINED : INTERVAL_MS);
}

/**
 * Frames of a connection that are not on disk yet, oldest first. For publishers whose frames are
 * acknowledged once durable.
 */
export class PendingDurable {
  readonly #sequences: number[] = [];
  readonly #sizes: number[] = [];
  readonly #positions: number[] = [];
  #last = 0;
  /**
   * Ticks in these frames. The publisher keeps their credit reserved until they are acknowledged.
   */
  ticks = 0;

  get isEmpty(): boolean {
    return this.#sequences.length === 0;
  }

  /**
   * Adds a frame, unless this connection sent it before.
   *
   * @param position in the journal up to which that has to be on disk; infinite: only a snapshot
   *   makes it durable
   */
  add(sequence: number, ticks: number, position: number): void {
    if (sequence <= this.#last) return;
    this.#last = sequence;
    this.#sequences.push(sequence);
    this.#sizes.push(ticks);
    this.#positions.push(position);
    this.ticks += ticks;
  }

  /** The journal is on disk up to a position. Returns the last sequence that is; 0 if none was. */
  settleSynced(position: number): number {
    let settled = 0;
    while (settled < this.#positions.length && (this.#positions[settled] as number) <= position) {
      settled++;
    }
    const last = this.#sequences[settled - 1] ?? 0;
    this.#remove(settled);
    return last;
  }

  /** A snapshot contains the frames up to a sequence. */
  settle(sequence: number): void {
    let settled = 0;
    while (settled < this.#sequences.length && (this.#sequences[settled] as number) <= sequence) {
      settled++;
    }
    this.#remove(settled);
  }

  #remove(count: number): void {
    this.#sequences.splice(0, count);
    this.#positions.splice(0, count);
    for (const ticks of this.#sizes.splice(0, count)) this.ticks -= ticks;
  }
}
