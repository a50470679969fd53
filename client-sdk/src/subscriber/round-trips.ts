/** Round trip and clock offset of the server. */
export interface Latency {
  /** Newest round trip, ms. */
  readonly roundTripMs: number;
  /**
   * Offset of the server's clock from `Date.now()`, ms: taken from the fastest of the last round
   * trips, and off by at most half of that.
   */
  readonly clockOffsetMs: number;
}

const SAMPLES_MAX = 8;

interface Awaited {
  readonly resolve: (roundTripMs: number) => void;
  readonly reject: (error: Error) => void;
}

/** Round trips measured with PING and PONG. */
export class RoundTrips {
  readonly #samples: Latency[] = [];
  readonly #awaited = new Map<number, Awaited>();

  /** Undefined before the first PONG. */
  get latency(): Latency | undefined {
    const newest = this.#samples.at(-1);
    if (newest === undefined) return undefined;
    const fastest = this.#samples.reduce((a, b) => (b.roundTripMs < a.roundTripMs ? b : a));
    return { roundTripMs: newest.roundTripMs, clockOffsetMs: fastest.clockOffsetMs };
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
    // Read first: a pause between the two clocks then counts as round trip, which bounds the error.
    const now = Date.now();
    const roundTripMs = performance.now() - sentAt;
    const clockOffsetMs = serverTime + roundTripMs / 2 - now;
    this.#samples.push({ roundTripMs, clockOffsetMs });
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
    this.#awaited.get(sentAt)?.resolve(roundTripMs);
    this.#awaited.delete(sentAt);
  }

  /** The connection is lost; the next may lead to another server. */
  forget(error: Error): void {
    this.#samples.length = 0;
    for (const { reject } of this.#awaited.values()) reject(error);
    this.#awaited.clear();
  }
}
