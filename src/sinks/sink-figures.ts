/*
 * What a sink counts, as doubles in shared memory:
 *
 *   ┌ SinkCounter 0 … 7 ┬ requests by duration ┐
 *
 * Single writer: the thread of the sinks, but for DROPPED_BEFORE, which the gateway's writes. Any
 * thread reads; every 64-bit processor reads an aligned double whole.
 */

export const SinkCounter = {
  /** Alerts that the receiver took. */
  DELIVERED: 0,
  /** Alerts that it refused for good. */
  REFUSED: 1,
  /** Alerts that could not be delivered for `retryForMs`. */
  EXPIRED: 2,
  /** Alerts that a full queue gave up for newer ones. */
  DROPPED: 3,
  /** The same, before the thread took them. */
  DROPPED_BEFORE: 4,
  /** Requests that failed and are made again. */
  RETRIES: 5,
  /** Alerts that wait, and those under way. */
  WAITING: 6,
  /** 1 while requests fail or are refused. */
  FAILING: 7,
} as const;
export type SinkCounter = (typeof SinkCounter)[keyof typeof SinkCounter];

const COUNTERS = 8;
/** Upper bounds of the buckets, s; the last one is open. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const SUM = COUNTERS + BOUNDS.length + 1;

export function createSinkFigures(): SharedArrayBuffer {
  return new SharedArrayBuffer((SUM + 1) * 8);
}

export class SinkFigures {
  readonly #doubles: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#doubles = new Float64Array(memory);
  }

  get(counter: SinkCounter): number {
    return this.#doubles[counter] as number;
  }

  set(counter: SinkCounter, value: number): void {
    this.#doubles[counter] = value;
  }

  add(counter: SinkCounter, count: number): void {
    this.#doubles[counter] = this.get(counter) + count;
  }

  /** Counts a request. */
  addRequest(durationMs: number): void {
    const seconds = durationMs / 1000;
    const bucket = BOUNDS.findIndex((bound) => seconds <= bound);
    this.#increase(COUNTERS + (bucket < 0 ? BOUNDS.length : bucket), 1);
    this.#increase(SUM, seconds);
  }

  /** Durations of requests, s, as a histogram. */
  requests(): { bounds: readonly number[]; counts: readonly number[]; sum: number } {
    const counts = [...this.#doubles.subarray(COUNTERS, SUM)];
    return { bounds: BOUNDS, counts, sum: this.#doubles[SUM] as number };
  }

  #increase(index: number, by: number): void {
    this.#doubles[index] = (this.#doubles[index] as number) + by;
  }
}
