import type { Closure } from './connection.ts';

/**
 * `connecting`: no session was open yet. `live`: a session is open. `reconnecting`: it was lost, and
 * another is being tried. `closed`: for good.
 */
export type ConnectionState = 'connecting' | 'live' | 'reconnecting' | 'closed';

/** A change of state, or a further attempt to connect that failed. */
export interface StateChange {
  /** The state from now on. */
  readonly state: ConnectionState;
  /** The state before; the same where a further attempt failed. */
  readonly previous: ConnectionState;
  /** How the connection ended, where one did. */
  readonly closure?: Closure;
  /** When the next attempt begins, ms from now, where there will be one. */
  readonly retryInMs?: number;
}
