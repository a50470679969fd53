import type { StateChange } from '../connection/connection.ts';

/** A tick that the server refused. */
export interface Rejection {
  /** The tick's symbol. */
  readonly symbol: string;
  /** The tick's price. */
  readonly price: number;
  /** Ms since the Unix epoch; undefined where the tick had none of its own. */
  readonly time: number | undefined;
  /** Which of the ticks that this publisher took, from 0. */
  readonly index: number;
  /** An {@link ErrorCode}. */
  readonly code: number;
  /** The name of the code, such as `bad_time`. */
  readonly reason: string;
}

/** What the server newly has of what was published, in the order in which it was. */
export interface Acknowledgement {
  /** Frames that were acknowledged. */
  readonly frames: number;
  /** Ticks in these frames, rejected and dropped ones too. */
  readonly ticks: number;
}

/** The events of a publisher, by name. */
export interface PublisherEvents {
  /**
   * The server refused a tick, and took its neighbours. It names up to 100 of a frame; those beyond
   * are counted in `totals.rejected` only. None are named of a frame whose connection was lost
   * between its arrival and the answer: it is not applied again, and counts in `totals.resumed`.
   */
  readonly reject: Rejection;
  /** The server has more of the ticks than before, or gave new credit: then both numbers are 0. */
  readonly ack: Acknowledgement;
  /** The state changed, or a further attempt to connect failed. */
  readonly state: StateChange;
  /** The server reported an error that the publisher cannot mend, or the publisher failed for good. */
  readonly error: Error;
}
