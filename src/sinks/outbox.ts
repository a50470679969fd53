import type { Message } from './request.ts';
import type { SinkAlert } from './sink-alert.ts';

/** What one request carries. */
export interface Batch {
  readonly message: Message;
  /** Alerts that it tells of. */
  readonly alerts: number;
}

/** What waits to be sent to a sink, in its format. */
export interface Outbox<B extends Batch = Batch> {
  /** Requests that may be under way at a time. */
  readonly requestsMax: number;
  /** Alerts that wait or are under way. */
  readonly size: number;
  /** Of the alerts pushed so far, those before this ordinal need not be pushed again. */
  readonly position: number;
  /** Alerts that are not delivered, for the outbox that takes its place. */
  readonly undelivered: readonly SinkAlert[];
  /** Returns how many alerts were dropped for it: the oldest, while it is full. */
  push(alert: SinkAlert, now: number): number;
  /** The next request; undefined if nothing can be sent now. */
  take(now: number): B | undefined;
  /** A request that was taken is over, and need not be made again. */
  done(batch: B): void;
  /**
   * A request that was taken has failed, and is to be made again.
   *
   * @param expiredBefore alerts queued before are given up instead
   * @returns how many were given up
   */
  again(batch: B, expiredBefore: number): number;
}
