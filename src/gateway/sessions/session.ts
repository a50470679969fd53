import type { Connection } from './connection.ts';

/** A live session, as seen by the parts that handle all sessions. */
export interface Session {
  readonly connection: Connection;
  /** Called at each sweep of `Liveness`: a socket may have drained without an event. */
  swept(): void;
  /** The client's token was replaced: it may allow less now, or more. */
  permissionsChanged(): void;
}

/** Who has a publisher's name now. */
export interface NameHolder {
  /** A snapshot on disk covers more of the publisher's frames. */
  madeDurable(): void;
  /**
   * The journal is on disk up to a position. Returns whether no frame of this session waits for
   * more.
   */
  synced(position: number): boolean;
  /** Nothing can be saved now: tells a publisher that waits for it. */
  notDurable(): void;
  /** Another connection has taken over this publisher's name. */
  takenOver(): void;
}

/** A publisher's session, as acknowledgements, credit and shutdown see it. */
export interface PublisherSession extends Session, NameHolder {
  /** Frames since the last ACK. */
  framesUnacknowledged: number;
  /** Time of the last ACK on the clock of `performance.now`, ms. */
  acknowledgedAt: number;
  /** Whether the last ACK covered several frames: this publisher does not wait for each. */
  wasPipelined: boolean;
  acknowledge(): void;
  /** Sends an ACK if the credit is notably higher than last sent. */
  offerCredit(): void;
}

/** A subscriber's session, as statistics and shutdown see it. */
export interface SubscriberSession extends Session {
  /** Whether its socket buffer was full at the last check, or its client does not read. */
  readonly isSlow: boolean;
  /** Whether its changes wait for its client to read what is on its way. */
  readonly isPaced: boolean;
  /** Whether statistics or anomalies wait to be sent. */
  readonly hasPending: boolean;
}
