import type { ConnectOptions } from '../connection/connect-options.ts';

/** How a subscriber reaches its server, and how often it wants to hear from it. */
export interface SubscriberOptions extends ConnectOptions {
  /** Least time between two updates, ms; default: the server's choice, and 0 as soon as possible. */
  readonly conflateMs?: number;
}

/** Two views of what the session holds: the server's and the mirror's. */
export interface Verification {
  /** Whether digest and symbol count agree: the session is proven in sync. */
  readonly equal: boolean;
  /** The digest of what the server says this session holds. */
  readonly serverDigest: number;
  /** The digest of what the mirror holds. */
  readonly ownDigest: number;
  /** Symbols with data, as the server counts them. */
  readonly symbolCount: number;
  /** Symbols with live data in the mirror. */
  readonly ownSymbolCount: number;
}

/** What a subscriber has received so far, over all its connections. */
export interface SubscriberCounters {
  /** Frames of all kinds. */
  readonly frames: number;
  /** Payload bytes of the frames. */
  readonly bytes: number;
  /** Frames with statistics. */
  readonly statsFrames: number;
  /** Entries in these frames, one for each symbol that changed. */
  readonly entries: number;
  /** Entries that replaced everything known of their symbol. */
  readonly fullEntries: number;
  /**
   * Ticks that the entries stand for, first entries left out: what exceeds the entries was
   * conflated.
   */
  readonly updates: number;
  /** Anomalies delivered. */
  readonly anomalies: number;
  /** Connections that were lost. */
  readonly reconnects: number;
}
