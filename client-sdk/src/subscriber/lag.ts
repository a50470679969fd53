import type { RoundTrips } from './round-trips.ts';

/** Whether data comes too late, from the event `lag`. */
export interface Lag {
  /** Whether data may be older than the option `lagMs` allows. */
  readonly isLagging: boolean;
  /** How old the newest data may be, ms. */
  readonly lagMs: number;
}

/** The lag must fall to this part of the limit before it counts as over. */
const OVER = 3 / 4;
/** Least time between two PINGs that ask after a silence, ms: a quiet market has many. */
const ASK_EVERY_MS = 5000;

/**
 * How old the newest data may be: the time since the server wrote the newest frame, by its clock
 * and with the error of that, and how long changes have waited at the server before it.
 *
 * A silence says nothing by itself: the market may be quiet. If one lasts for half of the limit, it
 * asks with a PING, and no answer means that data is late.
 */
export class LagMonitor {
  /** 0 before the first frame, and until the clock is known. */
  lagMs = 0;
  isLagging = false;
  readonly #limitMs: number;
  readonly #roundTrips: RoundTrips;
  readonly #changed: (lag: Lag) => void;
  #behindMs = 0;
  #frames = 0;
  #heardAt = 0;
  #askedAt = -ASK_EVERY_MS;

  /**
   * @param limitMs how late data may be, ms
   * @param changed called when {@link isLagging} changes, but not at {@link reset}
   */
  constructor(limitMs: number, roundTrips: RoundTrips, changed: (lag: Lag) => void) {
    this.#limitMs = limitMs;
    this.#roundTrips = roundTrips;
    this.#changed = changed;
  }

  /**
   * A frame came, written at `serverTime` (ms, by the server's clock).
   *
   * @param behindMs how long changes have waited at the server; default: as long as before
   */
  take(serverTime: number, behindMs = this.#behindMs): void {
    this.#behindMs = behindMs;
    const lateMs = Math.max(0, this.#roundTrips.serverTime - serverTime);
    this.#set(lateMs + this.#roundTrips.errorMs + behindMs);
  }

  /**
   * Looks for a silence. Call several times in the time that is allowed.
   *
   * @param frames received so far on this connection
   * @returns whether to ask with a PING
   */
  check(frames: number): boolean {
    const now = performance.now();
    if (frames !== this.#frames) {
      this.#frames = frames;
      this.#heardAt = now;
    }
    const silentMs = now - this.#heardAt;
    const { errorMs, waitingMs } = this.#roundTrips;
    if (waitingMs > this.#limitMs / 2 + 2 * errorMs) {
      if (silentMs > this.#limitMs) this.#set(silentMs);
      return false;
    }
    const isDue = silentMs > this.#limitMs / 2 && now - this.#askedAt > ASK_EVERY_MS;
    if (isDue) this.#askedAt = now;
    return isDue;
  }

  /** Another connection, or none. */
  reset(): void {
    this.lagMs = this.#behindMs = 0;
    this.isLagging = false;
  }

  #set(lagMs: number): void {
    // Infinite before the clock is known.
    if (lagMs === Number.POSITIVE_INFINITY) return;
    this.lagMs = lagMs;
    const isLagging = lagMs > this.#limitMs * (this.isLagging ? OVER : 1);
    if (isLagging === this.isLagging) return;
    this.isLagging = isLagging;
    this.#changed({ isLagging, lagMs });
  }
}
