import type { RoundTrips } from './round-trips.ts';

/** Whether data comes too late, from the event `lag`. */
export interface Lag {
  /** Whether data may be older than the option `lagMs` allows. */
  readonly isLagging: boolean;
  /** How old the newest data may be, ms. */
  readonly lagMs: number;
}

/** How late data may be by default, ms. */
export const LAG_MS = 1000;
/** The lag must fall to this part of the limit before it counts as over. */
const OVER = 3 / 4;
/** Checks for silence in the time that is allowed. */
const CHECKS = 4;
const CHECK_MS_MAX = 250;
/** Least time between two PINGs that ask after a silence, ms: a quiet market has many. */
const ASK_EVERY_MS = 5000;

export interface LagOptions {
  /** How late data may be, ms. */
  readonly limitMs: number;
  /** Sends a PING. */
  readonly ask: () => void;
  /** Called when {@link LagMonitor.isLagging} changes, but not at {@link LagMonitor.reset}. */
  readonly changed: (lag: Lag) => void;
}

/**
 * How old the newest data may be: the time since the server wrote the newest frame, by its clock
 * and with the error of that, and how long changes have waited at the server before it.
 *
 * A silence says nothing by itself: the market may be quiet. If one lasts for half of the limit, it
 * asks with a PING, and no answer means that data is late.
 */
export class LagMonitor {
  readonly checkMs: number;
  /** Undefined before the first frame on a connection whose clock is known. */
  lagMs: number | undefined;
  isLagging = false;
  readonly #options: LagOptions;
  readonly #roundTrips: RoundTrips;
  #behindMs = 0;
  #framesHeard = 0;
  #heardAt = 0;
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(roundTrips: RoundTrips, options: LagOptions) {
    this.#roundTrips = roundTrips;
    this.#options = options;
    this.checkMs = Math.min(CHECK_MS_MAX, options.limitMs / CHECKS);
  }

  /** A STATS frame came, written at `serverTime` (ms, by the server's clock). */
  takeStats(serverTime: number, behindMs: number): void {
    this.#behindMs = behindMs;
    this.take(serverTime);
  }

  /** A frame came, written at `serverTime`. */
  take(serverTime: number): void {
    const clock = this.#roundTrips.clock();
    if (clock === undefined) return;
    const lateMs = Math.max(0, clock.serverTime - serverTime);
    this.#set(lateMs + clock.errorMs + this.#behindMs);
  }

  /**
   * Looks for a silence. Call every {@link checkMs}.
   *
   * @param frames received so far on this connection
   */
  check(frames: number): void {
    const now = performance.now();
    if (frames !== this.#framesHeard) {
      this.#framesHeard = frames;
      this.#heardAt = now;
      return;
    }
    const { limitMs } = this.#options;
    const silentMs = now - this.#heardAt;
    const { fastestMs, waitingMs } = this.#roundTrips;
    if (waitingMs > limitMs / 2 + (fastestMs ?? 0)) {
      if (silentMs > limitMs && this.lagMs !== undefined) this.#set(silentMs);
    } else if (silentMs >= limitMs / 2 && now - this.#askedAt >= ASK_EVERY_MS) {
      this.#askedAt = now;
      this.#options.ask();
    }
  }

  /** Another connection, or none. */
  reset(): void {
    this.lagMs = undefined;
    this.isLagging = false;
    this.#behindMs = 0;
    this.#framesHeard = 0;
    this.#heardAt = performance.now();
    this.#askedAt = Number.NEGATIVE_INFINITY;
  }

  #set(lagMs: number): void {
    this.lagMs = lagMs;
    const { changed, limitMs } = this.#options;
    const isLagging = lagMs > (this.isLagging ? limitMs * OVER : limitMs);
    if (isLagging === this.isLagging) return;
    this.isLagging = isLagging;
    changed({ isLagging, lagMs });
  }
}
