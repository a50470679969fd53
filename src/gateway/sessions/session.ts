import type { Connection } from './connection.ts';

/** A live session, as everything that looks after all sessions sees it. */
export interface Session {
  readonly connection: Connection;
  /** Called at each sweep: a socket may have drained without an event. */
  swept(): void;
  /** The client's token was replaced: it may do less now, or more. */
  permissionsChanged(): void;
}

/** A publisher's session, as acknowledgements, credit and shutdown see it. */
export interface PublisherSession extends Session {
  /** Frames since the last ACK. */
  framesUnacknowledged: number;
  /** Time of the last ACK, on the clock of `performance.now`, ms. */
  acknowledgedAt: number;
  /** Whether the last ACK covered several frames: then this publisher does not wait for each. */
  wasPipelined: boolean;
  acknowledge(): void;
  /** Sends an ACK if there is notably more credit than the publisher knows of. */
  offerCredit(): void;
  /** A snapshot on disk covers more of the publisher's frames. */
  madeDurable(): void;
  /** Another connection came with this publisher's name. */
  takenOver(): void;
}

/** A subscriber's session, as statistics and shutdown see it. */
export interface SubscriberSession extends Session {
  /** Whether its socket had no room at the last look. */
  readonly isSlow: boolean;
  /** Whether there is something it has not been sent. */
  readonly hasPending: boolean;
}
