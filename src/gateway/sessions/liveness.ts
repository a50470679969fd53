import { CloseCode } from '../../protocol/index.ts';
import type { Session } from './session.ts';

export interface LivenessOptions {
  /** Silence of the server after which it sends a heartbeat, ms. */
  readonly heartbeatMs: number;
  /** A peer that shows no life for this long is closed, ms. */
  readonly unresponsiveMs: number;
}

/** Looks at a session this many times a heartbeat. */
const SWEEPS_PER_HEARTBEAT = 20;

/**
 * Sees to it that no connection is silent, and that none is kept whose peer is gone: sends heartbeats where nothing else
 * was sent, pings where nothing was heard, closes with 4002 what shows no life for long.
 */
export class Liveness {
  readonly #options: LivenessOptions;
  /** A peer that was quiet for this long is asked for a sign of life, well before its time is up. */
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
    // Also in a busy stream: a reader that keeps up and says nothing shows no other sign of life.
    const asks = quietMs >= this.#askAfterMs && now - connection.lastPingAt >= this.#askAfterMs;
    // To the nearest sweep.
    const beats = now - connection.lastSentAt >= heartbeatMs - this.#everyMs / 2;
    if (asks && beats) {
      // An idle session gets both, in one system call.
      connection.cork(() => {
        connection.ping(now);
        connection.heartbeat();
      });
    } else if (asks) connection.ping(now);
    else if (beats) connection.heartbeat();
  }
}
