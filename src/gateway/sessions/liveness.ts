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
/** A sweep that is later than this part of the time a peer has shows that this thread stood still. */
const STANDSTILL = 1 / 4;

/**
 * Keeps connections alive and closes dead ones: sends a heartbeat after silence, pings a quiet
 * peer, and closes with 4002 a peer that shows no life while this thread runs.
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
    let dueAt = performance.now() + this.#everyMs;
    this.#timer = setInterval(() => {
      const now = performance.now();
      const lateMs = now - dueAt;
      dueAt = now + this.#everyMs;
      // A standstill of this thread (a paused machine, a long step) is not the silence of its
      // peers: what they sent meanwhile is read after this sweep.
      const excusedMs = lateMs > this.#options.unresponsiveMs * STANDSTILL ? lateMs : 0;
      for (const session of this.#sessions()) {
        session.connection.lastLifeAt += excusedMs;
        this.#sweep(session, now);
      }
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
