/** Round trip and clock of the server, and how late its data is. */
export interface Latency {
  /** Newest round trip, ms. */
  readonly roundTripMs: number;
  /** Offset of the server's clock from `Date.now()`, ms: taken from the best round trip. */
  readonly clockOffsetMs: number;
  /** The offset is off by at most this, ms. */
  readonly clockErrorMs: number;
  /** How old the newest data may be, ms; see `Subscriber.lagMs`. */
  readonly lagMs: number;
}

/** Two clocks drift apart by less than this, ms per ms. */
const DRIFT = 1e-4;

interface Awaited {
  readonly resolve: (roundTripMs: number) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Round trips measured with PING and PONG, and the server's clock by the best of them. Measures by
 * `performance.now`, which nobody sets.
 */
export class RoundTrips {
  /** The newest, ms; undefined before the first PONG. */
  newestMs: number | undefined;
  /** The server's clock is ahead by this, ms; measured `#at`, and off by as much as `#errorMs`. */
  #aheadMs = 0;
  #at = 0;
  #errorMs = Number.POSITIVE_INFINITY;
  readonly #awaited = new Map<number, Awaited>();

  /** The server's clock now, ms. */
  get serverTime(): number {
    return performance.now() + this.#aheadMs;
  }

  /** How far {@link serverTime} may be off, ms; Infinity before the first PONG. */
  get errorMs(): number {
    return this.#errorMs + (performance.now() - this.#at) * DRIFT;
  }

  /** How long the oldest unanswered PING has waited, ms; 0 if there is none. */
  get waitingMs(): number {
    for (const sentAt of this.#awaited.keys()) return performance.now() - sentAt;
    return 0;
  }

  /** Sends a PING with a unique time; resolves with the round trip, ms. */
  measure(send: (clientTime: number) => void): Promise<number> {
    let sentAt = performance.now();
    while (this.#awaited.has(sentAt)) sentAt += 0.001;
    return new Promise((resolve, reject) => {
      this.#awaited.set(sentAt, { resolve, reject });
      send(sentAt);
    });
  }

  /** Takes a PONG: the PING's `performance.now()`, and the server's clock, ms. */
  note(sentAt: number, serverTime: number): void {
    const at = performance.now();
    const roundTripMs = at - sentAt;
    // The ways there and back may take any part of it.
    const errorMs = roundTripMs / 2;
    const aheadMs = serverTime + errorMs - at;
    // Both cannot be right if one of the clocks was set meanwhile.
    const isSet = Math.abs(aheadMs - this.#aheadMs) > errorMs + this.errorMs + 1;
    if (isSet || errorMs <= this.errorMs) {
      this.#aheadMs = aheadMs;
      this.#at = at;
      this.#errorMs = errorMs;
    }
    this.newestMs = roundTripMs;
    this.#awaited.get(sentAt)?.resolve(roundTripMs);
    this.#awaited.delete(sentAt);
  }

  /** The connection is lost; the next may lead to another server. */
  forget(error: Error): void {
    this.newestMs = undefined;
    this.#errorMs = Number.POSITIVE_INFINITY;
    for (const { reject } of this.#awaited.values()) reject(error);
    this.#awaited.clear();
  }
}
