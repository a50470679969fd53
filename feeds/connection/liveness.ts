/** How often a ping is sent. */
const PING_MS = 10_000;

/** Why a connection counts as dead. */
export type DeathCause = 'no_pong' | 'silent';

export interface LivenessOptions {
  /** No message of any kind for so long: dead, ms. */
  readonly silentAfterMs: number;
  readonly pingMs?: number;
}

/**
 * Two clocks of a connection: pongs, which say that the peer's TCP lives, and messages of any kind,
 * which say that the venue does. (The third, trades, is the feed's.) Both stand still while nothing
 * is read.
 */
export class Liveness {
  readonly #silentAfterMs: number;
  readonly #ping: () => void;
  readonly #dead: (cause: DeathCause) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #pingMs: number;
  #messageAt = performance.now();
  /** When the ping was sent that has no answer yet. */
  #pingAt: number | undefined;
  #isPaused = false;
  #nextPingAt: number;

  constructor(options: LivenessOptions, ping: () => void, dead: (cause: DeathCause) => void) {
    const { silentAfterMs, pingMs = PING_MS } = options;
    this.#silentAfterMs = silentAfterMs;
    this.#pingMs = pingMs;
    this.#ping = ping;
    this.#dead = dead;
    this.#nextPingAt = this.#messageAt + pingMs;
    this.#timer = setInterval(() => this.#check(), Math.min(pingMs, silentAfterMs) / 4);
  }

  /** A message came, or a ping of the venue. */
  noteMessage(): void {
    this.#messageAt = performance.now();
  }

  notePong(): void {
    this.#pingAt = undefined;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#messageAt = performance.now();
    this.#pingAt = undefined;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    if (this.#isPaused) return;
    const now = performance.now();
    if (this.#pingAt !== undefined && now - this.#pingAt >= this.#pingMs) this.#dead('no_pong');
    else if (now - this.#messageAt >= this.#silentAfterMs) this.#dead('silent');
    else if (this.#pingAt === undefined && now >= this.#nextPingAt) {
      this.#pingAt = now;
      this.#nextPingAt = now + this.#pingMs;
      this.#ping();
    }
  }
}
