/** Silence is counted in half heartbeats: five of them make the 2.5 heartbeats of the protocol. */
const SILENT_CHECKS_MAX = 5;
/** The half heartbeat in which something arrived is not a silent one. */
const HEARD = -1;
/** What a peer that is asked has for its answer: one heartbeat. */
const PROBE_CHECKS = 2;

/**
 * Tells when a connection has been silent for too long.
 *
 * Checks are counted and the clock is only asked whether a check came late: a page whose timers were
 * throttled, or a laptop that slept, is not mistaken for a silent server. After a late check the
 * server is asked for a sign of life instead, and has one heartbeat to give it.
 */
export class Liveness {
  readonly #halfHeartbeatMs: number;
  readonly #ask: () => void;
  readonly #giveUp: () => void;
  #silentChecks = 0;
  #isAsking = false;
  #isPaused = false;
  #dueAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param ask sends something that the server answers
   * @param giveUp called once, when no sign of life came
   */
  constructor(heartbeatMs: number, ask: () => void, giveUp: () => void) {
    this.#halfHeartbeatMs = heartbeatMs / 2;
    this.#ask = ask;
    this.#giveUp = giveUp;
    this.#schedule();
  }

  /** Something arrived. */
  note(): void {
    this.#silentChecks = HEARD;
    this.#isAsking = false;
  }

  /** Nothing is read for a while, so silence says nothing. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.note();
  }

  /** Finds out within one heartbeat whether the connection still works. */
  probe(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#silentChecks = SILENT_CHECKS_MAX - PROBE_CHECKS;
    this.#ask();
    this.#schedule();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#dueAt = Date.now() + this.#halfHeartbeatMs;
    this.#timer = setTimeout(() => this.#check(), this.#halfHeartbeatMs);
  }

  #check(): void {
    const isLate = Date.now() - this.#dueAt > 2 * this.#halfHeartbeatMs;
    if (isLate && !this.#isAsking && !this.#isPaused) {
      this.probe();
      return;
    }
    if (!this.#isPaused) this.#silentChecks++;
    if (this.#silentChecks >= SILENT_CHECKS_MAX) this.#giveUp();
    else this.#schedule();
  }
}
