import type { Alert, Anomaly, RaisedRecord } from '../protocol/index.ts';

/** What a cluster raises, by kind. */
export interface RecordKinds {
  readonly anomalies: Anomaly;
  readonly alerts: Alert;
}

/** Records in the order in which they were stored. */
export interface RecordBatch<R extends RaisedRecord> {
  readonly records: readonly R[];
  /** The position behind them. */
  readonly end: number;
  /** Records that were removed before they were read, as far as known. */
  readonly lost: number;
}

/** The records of a cluster, for work that one member at a time does with all of a kind. */
export interface ClusterRecords {
  /**
   * Takes work on where the last one left it; work that nobody did yet begins behind the newest
   * record. Undefined: another member has it, and is asked by its own look at the members to let
   * go: try again soon.
   *
   * @throws Error if the broker does not answer, or another member was faster
   */
  take<Kind extends keyof RecordKinds>(
    kind: Kind,
    work: string,
  ): Promise<HeldRecords<RecordKinds[Kind]> | undefined>;
}

/** Work that this member has, until it lets go or another one takes it. */
export interface HeldRecords<R extends RaisedRecord> {
  /** Of the first record that may not be done. */
  readonly position: number;
  /** Records from a position on, as far as known. */
  waiting(position: number): number;
  /** Up to `limit` records from a position on, before which all are done. Does not wait for any. */
  from(position: number, limit: number): Promise<RecordBatch<R>>;
  /**
   * Saves that all is done before a position. False: another member has the work now.
   *
   * @param stands whether it will be the position for some time
   * @throws Error if it is not known to be saved
   */
  save(position: number, stands: boolean): Promise<boolean>;
  /**
   * Saves it for the last time, and lets another member go on.
   *
   * @throws Error if it is not known to be saved: others wait until this member is gone
   */
  release(position: number): Promise<void>;
}
