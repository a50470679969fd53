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

/**
 * Sums up counts that the server restarts on each connection. They cover what the server processed,
 * which is more than it acknowledges where it acknowledges what is saved: the excess is left out,
 * since those ticks still count as unacknowledged, or later as resumed.
 */
export class TickTally {
  #earlier = NOTHING;
  #current = NOTHING;
  /** Ticks acknowledged on this connection. */
  #acknowledged = 0;
  resumed = 0;
  sessions = 0;

  /** Takes the counts of an ACK, and how many more ticks it acknowledges. */
  note(accepted: number, rejected: number, dropped: number, acknowledgedTicks: number): void {
    this.#acknowledged += acknowledgedTicks;
    let left = this.#acknowledged;
    const take = (count: number) => {
      const taken = Math.min(count, left);
      left -= taken;
      return taken;
    };
    this.#current = { rejected: take(rejected), dropped: take(dropped), accepted: take(accepted) };
  }

  /** A session opened; its counts start at 0. */
  restart(resumedTicks: number): void {
    this.#earlier = this.#sum;
    this.#current = NOTHING;
    this.#acknowledged = 0;
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
