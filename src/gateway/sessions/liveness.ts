import { CloseCode } from '../../protocol/index.ts';
import type { Session } from './session.ts';

export interface LivenessOptions {
  /** Sends a heartbeat after this long without any frame, ms. */
  readonly heartbeatMs: number;
  /** Closes a peer without a sign of life for this long, ms. */
  readonly unresponsiveMs: number;
}

/** Sweeps per heartbeat interval. */
const SWEEPS_PER_HEARTBEAT = 20;

/**
 * Keeps connections alive and closes dead ones: sends a heartbeat after silence, pings a quiet
 * peer, and closes with 4002 a peer that shows no life.
 */
export class Liveness {
  readonly #options: LivenessOptions;
  /** Pings a peer after this long, well before its time is up, ms. */
  readonly #askAfterMs: number;
  readonly #everyMs: number;
  readonly #sessions: () => Iterable<Session>;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LivenessOptions, sessions: () => Iterable<Session>) {
    this.#options = options;
    const { heartbeatMs, unresponsiveMs } = options;
    this.#askAfterMs = Math.min(heartbeatMs, unresponsiveMs / 2);
    const shortestMs = Math.min(heartbeatMs, unresponsiveMs);
    this.#everyMs = Math.max(5, Math.floor(shortestMs / SWEEPS_PER_HEARTBEAT));
    this.#sessions = sessions;
  }

  start(): void {
    this.#timer = setInterval(() => {
      const now = performance.now();
      for (const session of this.#sessions()) this.#sweep(session, now);
    }, this.#everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sweep(session: Session, now: number): void {
    const { connection } = session;
    const { heartbeatMs, unresponsiveMs } = this.#options;
    connection.checkProgress(now);
    const quietMs = now - connection.lastLifeAt;
    if (quietMs >= unresponsiveMs) {
      connection.close(CloseCode.UNRESPONSIVE, `no sign of life for ${unresponsiveMs} ms`);
      return;
    }
    session.swept();
    // Also in a busy stream: a reader that keeps up shows no other sign of life.
    const asks = quietMs >= this.#askAfterMs && now - connection.lastPingAt >= this.#askAfterMs;
    // Rounded to the nearest sweep.
    const beats = now - connection.lastSentAt >= heartbeatMs - this.#everyMs / 2;
    if (asks && beats) {
      // An idle session gets both in one system call.
      connection.cork(() => {
        connection.ping(now);
        connection.heartbeat();
      });
    } else if (asks) connection.ping(now);
    else if (beats) connection.heartbeat();
  }
}
