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
/** A sweep that is late by this fraction of `unresponsiveMs` shows that this thread stalled. */
const STALL = 1 / 4;

/**
 * Keeps connections alive and closes dead ones: sends a heartbeat after silence, pings a quiet
 * peer, and closes with 4002 a peer that shows no sign of life while this thread runs.
 */
export class Liveness {
  readonly #options: LivenessOptions;
  /** Time without a sign of life after which a peer is pinged, well before it is closed, ms. */
  readonly #pingAfterMs: number;
  readonly #everyMs: number;
  readonly #sessions: () => Iterable<Session>;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LivenessOptions, sessions: () => Iterable<Session>) {
    this.#options = options;
    const { heartbeatMs, unresponsiveMs } = options;
    this.#pingAfterMs = Math.min(heartbeatMs, unresponsiveMs / 2);
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
      // A stall of this thread (a paused machine, a long step) is not the silence of its peers:
      // messages that arrived meanwhile are read after this sweep.
      const excusedMs = lateMs > this.#options.unresponsiveMs * STALL ? lateMs : 0;
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
    // Even in a busy stream: a reader that keeps up shows no other sign of life.
    const isPingDue =
      quietMs >= this.#pingAfterMs && now - connection.lastPingAt >= this.#pingAfterMs;
    // Rounded to the nearest sweep.
    const isHeartbeatDue = now - connection.lastSentAt >= heartbeatMs - this.#everyMs / 2;
    if (isPingDue && isHeartbeatDue) {
      // Both leave in one system call.
      connection.cork(() => {
        connection.ping(now);
        connection.heartbeat();
      });
    } else if (isPingDue) connection.ping(now);
    else if (isHeartbeatDue) connection.heartbeat();
  }
}
