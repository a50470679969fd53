/** Counts of an ACK, since its connection began. */
interface Counts {
  readonly accepted: number;
  readonly rejected: number;
  readonly dropped: number;
}

/**
 * Totals over all connections. Each tick in `sent` is in exactly one of `accepted`, `rejected`,
 * `dropped`, `resumed` and `unacknowledged`.
 */
export interface PublisherTotals {
  /** Taken from the caller; each counts once, however often it was sent. */
  readonly sent: number;
  /** Accepted into the server's queues. */
  readonly accepted: number;
  /** Rejected by the server; `reject` events tell why. */
  readonly rejected: number;
  /** Dropped on arrival under the server's overflow policy. */
  readonly dropped: number;
  /** Acknowledged by a reconnect, which brings no counts of the other kinds. */
  readonly resumed: number;
  /** Not acknowledged yet: all that is buffered. */
  readonly unacknowledged: number;
  /** Unacknowledged ticks not yet sent: no connection, no credit, or an open batch. */
  readonly buffered: number;
  /** Sessions beyond the first. */
  readonly reconnects: number;
}

const NOTHING: Counts = { accepted: 0, rejected: 0, dropped: 0 };

/** Sums up counts that the server restarts on each connection. */
export class TickTally {
  #earlier = NOTHING;
  #current = NOTHING;
  resumed = 0;
  sessions = 0;

  /** Takes the counts of an ACK. */
  note(accepted: number, rejected: number, dropped: number): void {
    this.#current = { accepted, rejected, dropped };
  }

  /** A session opened; its counts start at 0. */
  restart(resumedTicks: number): void {
    this.#earlier = this.#sum;
    this.#current = NOTHING;
    this.resumed += resumedTicks;
    this.sessions++;
  }

  totals(sent: number, unacknowledged: number, buffered: number): PublisherTotals {
    const { resumed } = this;
    const reconnects = Math.max(0, this.sessions - 1);
    return { sent, ...this.#sum, resumed, unacknowledged, buffered, reconnects };
  }

  get #sum(): Counts {
    const [a, b] = [this.#earlier, this.#current];
    return {
      accepted: a.accepted + b.accepted,
      rejected: a.rejected + b.rejected,
      dropped: a.dropped + b.dropped,
    };
  }
}
