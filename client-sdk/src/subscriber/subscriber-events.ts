import type { StateChange } from '../connection/connection.ts';
import type { Alert, AlertGap } from './alert.ts';
import type { Anomaly, AnomalyGap } from './anomaly.ts';
import type { Lag } from './lag.ts';
import type { SymbolStatistics } from './symbol-statistics.ts';

/** The changes of one STATS frame. */
export interface Update {
  /** The symbols that changed. In an event, the array is valid during the call only. */
  readonly changes: readonly SymbolStatistics[];
  /** When the server wrote the frame, by its clock, ms since the Unix epoch. */
  readonly serverTime: number;
}

/** The events of a subscriber, by name. */
export interface SubscriberEvents {
  /** After the mirror took a STATS frame. */
  readonly update: Update;
  /** Each anomaly: those of a symbol in order, without duplicates. */
  readonly anomaly: Anomaly;
  /** Anomalies were missed that the server no longer has. */
  readonly gap: AnomalyGap;
  /** Each alert that a subscription asked for: those of a symbol in order, without duplicates. */
  readonly alert: Alert;
  /** Alerts were missed that the server no longer has. */
  readonly alertGap: AlertGap;
  /** The state changed, or another attempt to connect failed. */
  readonly state: StateChange;
  /** Data has become older than the option `lagMs` allows, or no longer is. */
  readonly lag: Lag;
  /** The server started a new epoch: the mirror was cleared. */
  readonly reset: { readonly epoch: string };
  /** Symbols are gone: their data was dropped. They begin anew with their next tick, if any. */
  readonly retired: { readonly symbols: readonly string[] };
  /** The server reported an error that answers no request, or refused a pattern. */
  readonly error: Error;
}

/** All of them. */
export const SUBSCRIBER_EVENTS = [
  'update',
  'anomaly',
  'gap',
  'alert',
  'alertGap',
  'state',
  'lag',
  'reset',
  'retired',
  'error',
] as const satisfies readonly (keyof SubscriberEvents)[];
