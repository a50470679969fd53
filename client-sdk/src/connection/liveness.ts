/** Silence is counted in half heartbeats: five make the 2.5 heartbeats of the protocol. */
const SILENT_CHECKS_MAX = 5;
/** Start of the count: the half heartbeat in which something arrived is not silent. */
const HEARD = -1;
/** Time to answer a probe: one heartbeat. */
const PROBE_CHECKS = 2;

/**
 * Detects a connection that has been silent for too long.
 *
 * It counts checks and reads the clock only to find out whether a check came late. So throttled
 * timers of a page, or a laptop that slept, do not pass for a silent server: after a late check it
 * probes the server, which has one heartbeat to answer.
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
   * @param giveUp called once, if no sign of life came
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

  /** Reading stopped, so silence means nothing. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.note();
  }

  /** Checks within one heartbeat whether the connection still works. */
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
