import type { ConnectOptions } from '../connection/connect-options.ts';
import { TIMER_MS_MAX } from '../connection/connection.ts';
import type { Rules } from '../value-checks.ts';

/** Connection and update rate of a subscriber. */
export interface SubscriberOptions extends ConnectOptions {
  /** Least time between two updates, ms; default: the server's choice. 0: as soon as possible. */
  readonly conflateMs?: number;
  /**
   * Data that may be older counts as lagging: no symbol is live then, and the event `lag` tells,
   * ms; default: 1000.
   */
  readonly lagMs?: number;
}

/** What the options must be, beside those of every client. */
export const SUBSCRIBER_RULES: Rules<Omit<SubscriberOptions, keyof ConnectOptions>> = {
  conflateMs: { min: 0, max: TIMER_MS_MAX, unit: 'ms' },
  lagMs: { min: 1, max: TIMER_MS_MAX, unit: 'ms' },
};

/** The session's state as the server and the mirror see it. */
export interface Verification {
  /** Whether digests and symbol counts agree: the session is proven in sync. */
  readonly equal: boolean;
  /** The server's digest of this session's state. */
  readonly serverDigest: number;
  /** The mirror's digest. */
  readonly ownDigest: number;
  /** Symbols with data by the server's count. */
  readonly symbolCount: number;
  /** Symbols with live data in the mirror. */
  readonly ownSymbolCount: number;
}

/** What a subscriber has received, over all its connections. */
export interface SubscriberCounters {
  /** Frames of all kinds. */
  readonly frames: number;
  /** Payload bytes of the frames. */
  readonly bytes: number;
  /** Frames with statistics. */
  readonly statsFrames: number;
  /** Entries in these frames, one for each symbol that changed. */
  readonly entries: number;
  /** Entries that replaced the whole state of their symbol. */
  readonly fullEntries: number;
  /**
   * Ticks that the entries cover, except first entries. The excess over `entries` was conflated.
   */
  readonly updates: number;
  /** Anomalies delivered. */
  readonly anomalies: number;
  /** Alerts delivered. */
  readonly alerts: number;
  /** Connections lost. */
  readonly reconnects: number;
}
