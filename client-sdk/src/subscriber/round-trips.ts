/** Round trip and clock of the server, and how late its data is. */
export interface Latency {
  /** Newest round trip, ms. */
  readonly roundTripMs: number;
  /** Offset of the server's clock from `Date.now()`, ms: taken from the best of many round trips. */
  readonly clockOffsetMs: number;
  /** The offset is off by at most this, ms. */
  readonly clockErrorMs: number;
  /** {@link Subscriber.lagMs}. */
  readonly lagMs: number | undefined;
}

interface Sample {
  readonly roundTripMs: number;
  /** When it was measured, and what the server's clock was ahead of that, by `performance.now`. */
  readonly at: number;
  readonly aheadMs: number;
}

/** Samples kept: five minutes of them. */
const SAMPLES_MAX = 30;
/** Two clocks drift apart by less than this, ms per ms. */
const DRIFT = 1e-4;

interface Awaited {
  readonly resolve: (roundTripMs: number) => void;
  readonly reject: (error: Error) => void;
}

/** Round trips measured with PING and PONG, and the server's clock by the best of them. */
export class RoundTrips {
  #samples: Sample[] = [];
  readonly #awaited = new Map<number, Awaited>();

  /** Undefined before the first PONG. */
  get latency(): Omit<Latency, 'lagMs'> | undefined {
    const newest = this.#samples.at(-1);
    const clock = this.clock();
    if (newest === undefined || clock === undefined) return undefined;
    const { errorMs, serverTime } = clock;
    return {
      roundTripMs: newest.roundTripMs,
      clockOffsetMs: serverTime - Date.now(),
      clockErrorMs: errorMs,
    };
  }

  /** The server's clock now, ms, and how far it may be off; undefined before the first PONG. */
  clock(): { readonly serverTime: number; readonly errorMs: number } | undefined {
    const now = performance.now();
    let best: { serverTime: number; errorMs: number } | undefined;
    for (const sample of this.#samples) {
      const errorMs = errorOf(sample, now);
      if (best === undefined || errorMs < best.errorMs) {
        best = { serverTime: now + sample.aheadMs, errorMs };
      }
    }
    return best;
  }

  /** Round trip of the best sample, ms; undefined before the first PONG. */
  get fastestMs(): number | undefined {
    if (this.#samples.length === 0) return undefined;
    return Math.min(...this.#samples.map(({ roundTripMs }) => roundTripMs));
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
    const sample = { roundTripMs, at, aheadMs: serverTime + roundTripMs / 2 - at };
    // Both cannot be right if one of the clocks was set meanwhile.
    const agrees = (one: Sample) =>
      Math.abs(one.aheadMs - sample.aheadMs) <= errorOf(one, at) + errorOf(sample, at) + 1;
    this.#samples = [...this.#samples.filter(agrees).slice(1 - SAMPLES_MAX), sample];
    this.#awaited.get(sentAt)?.resolve(roundTripMs);
    this.#awaited.delete(sentAt);
  }

  /** The connection is lost; the next may lead to another server. */
  forget(error: Error): void {
    this.#samples = [];
    for (const { reject } of this.#awaited.values()) reject(error);
    this.#awaited.clear();
  }
}

/** The ways there and back may take any part of the round trip; clocks drift. */
function errorOf({ at, roundTripMs }: Sample, now: number): number {
  return roundTripMs / 2 + (now - at) * DRIFT;
}
