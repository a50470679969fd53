import type { PublisherSession } from '../sessions/session.ts';

/** Between acknowledgements to a publisher, ms: where it may be waiting for one, and where frame follows frame anyway. */
const INTERVAL_MS = 2;
const INTERVAL_MS_PIPELINED = 8;
/** What would be due so soon is done together with what is due, ms. */
const SLACK_MS = 2;

/** The publishers whose frames are to be acknowledged, and when. All times are on the clock of `performance.now`, ms. */
export class Acknowledgements {
  /** When the first is due; infinite when none waits. */
  dueAt = Number.POSITIVE_INFINITY;
  #waiting: PublisherSession[] = [];

  /** A session has taken in a frame. */
  add(session: PublisherSession): void {
    if (session.framesUnacknowledged++ > 0) return;
    this.#waiting.push(session);
    this.dueAt = Math.min(this.dueAt, dueAt(session));
  }

  forget(session: PublisherSession): void {
    const at = this.#waiting.indexOf(session);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  /** Acknowledges what is due or soon will be; with `areAll`, everything. */
  send(now: number, areAll: boolean): void {
    for (const session of this.#waiting) {
      // One acknowledged together with new credit may stand on the list still, or twice.
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
