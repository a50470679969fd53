import type { Encoding, ErrorCode, ProtocolError } from '../../src/protocol/index.ts';
import type { Anomaly } from './anomaly.ts';
import type { Closure } from './connection.ts';
import type { MirroredSymbol } from './mirror.ts';
import type { OpenSocket } from './socket.ts';

export interface SubscriberOptions {
  /** How frames are written; default `binary`. */
  readonly encoding?: Encoding;
  /** Bearer token, where the server demands one. */
  readonly token?: string;
  /** Opens the WebSocket; default: the `ws` package. */
  readonly openSocket?: OpenSocket;
  /** Longest wait for the session to open, ms; default 10 000. */
  readonly connectTimeoutMs?: number;
  /**
   * Called once a STATS frame, after the mirror took it, with what changed; the array is valid
   * during the call only.
   */
  readonly onStats?: (changes: readonly MirroredSymbol[], serverTime: number) => void;
  /** Called for each anomaly, in order. */
  readonly onAnomaly?: (anomaly: Anomaly, serverTime: number) => void;
  /** Called for each server error that answers no request. */
  readonly onError?: (error: ProtocolError) => void;
  /**
   * Called when the server announces a planned close: reconnect after a random time within
   * `jitterMs`.
   */
  readonly onGoaway?: (reason: string, deadlineMs: number, jitterMs: number) => void;
  /** Called once, when the connection is gone, whoever ended it. */
  readonly onClose?: (closure: Closure) => void;
}

/** The answer to a subscription. */
export interface Subscribed {
  /** For each pattern 0, or why it was refused. */
  readonly codes: readonly (ErrorCode | 0)[];
  /** The values in force. */
  readonly conflateMs: number;
  readonly fields: number;
}

/** Two views of what the session holds: the server's and the mirror's. */
export interface Verification {
  /** Whether digest and symbol count agree: the session is proven in sync. */
  readonly equal: boolean;
  readonly serverDigest: number;
  readonly ownDigest: number;
  /** Symbols with data, as the server counts them. */
  readonly symbolCount: number;
  readonly ownSymbolCount: number;
}

/** What a subscriber has received so far. */
export interface SubscriberCounters {
  readonly frames: number;
  readonly bytes: number;
  /** Frames that the server counted and this end did not see. */
  readonly framesMissed: number;
  readonly statsFrames: number;
  readonly entries: number;
  readonly fullEntries: number;
  /**
   * Ticks that the entries stand for, first entries left out: what exceeds the entries was
   * conflated.
   */
  readonly updates: number;
  readonly anomalies: number;
}
