/** Connections are made anew a random part of this share of their age early. */
const ROTATION_JITTER = 0.05;
/** A feed that stays without trades is looked into less and less often: up to so many times. */
const STALE_DOUBLINGS_MAX = 8;

export interface AgeLimits {
  /** Without a trade for so long: stale, ms. */
  readonly staleAfterMs: number;
  /** A connection is replaced at this age, ms; undefined: never. */
  readonly rotateAfterMs: number | undefined;
}

/** How old the connection in use is, and the newest trade: whether it is to be replaced. */
export class ConnectionAges {
  readonly #limits: AgeLimits;
  #usedSince = 0;
  /** When the newest trade came, or the first connection was ready. */
  #aliveAt: number | undefined;
  #staleChecks = 0;
  #rotateAt = Number.POSITIVE_INFINITY;

  constructor(limits: AgeLimits) {
    this.#limits = limits;
  }

  /** How long ago the newest trade came, ms. */
  get quietMs(): number {
    return this.#aliveAt === undefined ? 0 : performance.now() - this.#aliveAt;
  }

  get isQuiet(): boolean {
    return this.quietMs >= this.#limits.staleAfterMs;
  }

  noteTrade(): void {
    this.#aliveAt = performance.now();
    this.#staleChecks = 0;
  }

  /** A connection came into use. */
  begin(): void {
    const now = performance.now();
    this.#usedSince = now;
    this.#aliveAt ??= now;
    const { rotateAfterMs } = this.#limits;
    if (rotateAfterMs === undefined) return;
    this.#rotateAt = now + rotateAfterMs * (1 - Math.random() * ROTATION_JITTER);
  }

  /** Reading goes on: while it stood still, no trade could come. */
  resume(): void {
    if (this.#aliveAt !== undefined) this.#aliveAt = performance.now();
  }

  rotateAfter(delayMs: number): void {
    this.#rotateAt = performance.now() + delayMs;
  }

  /** Why the connection is to be replaced now. A cause is named once, until it is due again. */
  due(): 'rotation' | 'stale' | undefined {
    const now = performance.now();
    if (now >= this.#rotateAt) {
      this.#rotateAt = Number.POSITIVE_INFINITY;
      return 'rotation';
    }
    if (!this.isQuiet) return undefined;
    // A connection may be open and give nothing. Whether that is so shows on another one only.
    const dueMs = this.#limits.staleAfterMs * 2 ** Math.min(this.#staleChecks, STALE_DOUBLINGS_MAX);
    if (Math.min(now - this.#usedSince, this.quietMs) < dueMs) return undefined;
    this.#staleChecks += 1;
    return 'stale';
  }
}
