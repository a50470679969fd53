/** Ticks as an ACK counts them: since its connection began. */
interface Counts {
  readonly accepted: number;
  readonly rejected: number;
  readonly dropped: number;
}

/** Ticks so far, over all connections: what is taken is counted in one place of the others. */
export interface PublisherTotals {
  /** Taken from the caller; each counts once, however often it was sent. */
  readonly sent: number;
  /** In the server's queues, or through them. */
  readonly accepted: number;
  /** Refused by the server, each for a reason that a `reject` event tells. */
  readonly rejected: number;
  /** Discarded on arrival, as the server's overflow policy demands. */
  readonly dropped: number;
  /** Known to be with the server from what it told a reconnect, without counts of their own. */
  readonly resumed: number;
  /** Not acknowledged yet: all that is kept. */
  readonly unacknowledged: number;
  /** Of those, the ones that are not on their way: without a connection, without credit, or young. */
  readonly buffered: number;
  /** Sessions beyond the first. */
  readonly reconnects: number;
}

const NOTHING: Counts = { accepted: 0, rejected: 0, dropped: 0 };

/** Sums up what the server counts anew on each connection. */
export class TickTally {
  #earlier = NOTHING;
  #current = NOTHING;
  resumed = 0;
  sessions = 0;

  /** An ACK's numbers. */
  note(accepted: number, rejected: number, dropped: number): void {
    this.#current = { accepted, rejected, dropped };
  }

  /** A session opened, whose server counts from 0. */
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
