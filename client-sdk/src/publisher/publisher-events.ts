import type { StateChange } from '../connection/connection.ts';

/** A tick that the server refused. */
export interface Rejection {
  /** The tick's symbol. */
  readonly symbol: string;
  /** The tick's price. */
  readonly price: number;
  /** Ms since the Unix epoch; undefined if the tick had no time. */
  readonly time: number | undefined;
  /** Index among all ticks that this publisher took, from 0. */
  readonly index: number;
  /** One of `ErrorCode`. */
  readonly code: number;
  /** The name of the code, such as `bad_time`. */
  readonly reason: string;
  /** With `symbol_limit`: which limit was met, its value and its key on the server. */
  readonly detail: string | undefined;
}

/** Newly acknowledged frames and ticks, in order of publication. */
export interface Acknowledgement {
  /** Frames acknowledged. */
  readonly frames: number;
  /** Ticks in these frames, including rejected and dropped ones. */
  readonly ticks: number;
}

/** The events of a publisher, by name. */
export interface PublisherEvents {
  /**
   * The server rejected a tick and took its neighbours. It names up to 100 ticks of a frame;
   * `totals.rejected` counts all. If the connection is lost before the answer to a frame, none are
   * named: the frame is not applied again and counts in `totals.resumed`.
   */
  readonly reject: Rejection;
  /** The server acknowledged ticks or gave new credit; in the latter case both numbers are 0. */
  readonly ack: Acknowledgement;
  /** The state changed, or another attempt to connect failed. */
  readonly state: StateChange;
  /**
   * The server reported an error that the publisher cannot recover from, or the publisher failed;
   * or, with code 14, the server can make nothing durable now. Frames are then acknowledged later.
   */
  readonly error: Error;
}
