import type { StateChange } from '../connection/connection.ts';
import type { Anomaly, AnomalyGap } from './anomaly.ts';
import type { SymbolStatistics } from './symbol-statistics.ts';

/** What one STATS frame changed. */
export interface Update {
  /** The symbols that changed; as an event, the array is valid during the call only. */
  readonly changes: readonly SymbolStatistics[];
  /** When the server wrote the frame, on its clock, ms since the Unix epoch. */
  readonly serverTime: number;
}

/** The events of a subscriber, by name. */
export interface SubscriberEvents {
  /** Once a STATS frame, after the mirror took it: what changed. */
  readonly update: Update;
  /** Each anomaly: those of a symbol in their order, none twice. */
  readonly anomaly: Anomaly;
  /** Anomalies were missed that the server no longer has. */
  readonly gap: AnomalyGap;
  /** The state changed, or a further attempt failed. */
  readonly state: StateChange;
  /** The server began a new epoch: the mirror was emptied. */
  readonly reset: { readonly epoch: string };
  /** The server reported an error that answers no request, or refused a pattern. */
  readonly error: Error;
}
