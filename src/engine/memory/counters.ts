import { float64s } from '../../threads/shared-memory.ts';
/*
 * The counters of a partition, as doubles in shared memory.
 *
 *   ┌ Counter 0 … 31 ┬ latency buckets: ticks whose latency fell in bucket i ┐
 *
 * Single writer: the partition's holder. Any thread reads; every 64-bit processor reads an aligned
 * double whole, so nothing is atomic.
 */

/** The counters. Latency runs from a frame's receipt to the statistics of its ticks, µs. */
export const Counter = {
  /** Ticks applied. */
  APPLIED: 0,
  /** Applied ticks older than the newest of their symbol. */
  LATE: 1,
  UP: 2,
  DOWN: 3,
  /** Ticks overwritten in the ring before they were read (dropOldest). */
  LAPPED: 4,
  /** Ticks skipped because a worker died applying them. */
  SKIPPED: 5,
  /** Places dropped by full deques, whose windows are shorter than configured from then on. */
  TRUNCATED: 6,
  LATENCY_US_SUM: 7,
  /** Symbols whose newest time was too far in the future and gave way to a tick's. */
  TIMES_REPLACED: 8,
  /** Batches of ticks applied by the worker, and by the gateway while the worker slept. */
  WORKER_BATCHES: 9,
  GATEWAY_BATCHES: 10,
  /** Late ticks that entered their symbol's window (`lateTicks` fold). */
  FOLDED: 11,
  /** Ticks that wait for earlier ones now. */
  HELD: 12,
  /** Ticks that left a full buffer before their time. */
  RELEASED_EARLY: 13,
  /** Ticks that left their buffer behind a newer one: they came too late for it. */
  MISSED: 14,
} as const;
export type Counter = (typeof Counter)[keyof typeof Counter];

const COUNTERS = 32;
/** Two buckets an octave from 1 µs: bucket i ends at 2^(i/2) µs, the last one at infinity. */
export const LATENCY_BUCKETS = 52;

/** Upper bound of a latency bucket, µs. */
export function latencyBucketEndUs(bucket: number): number {
  return bucket >= LATENCY_BUCKETS - 1 ? Number.POSITIVE_INFINITY : 2 ** (bucket / 2);
}

export function createCounters(): SharedArrayBuffer {
  return new SharedArrayBuffer((COUNTERS + LATENCY_BUCKETS) * 8);
}

/** A partition's counters. Never blocks, never allocates. */
export class Counters {
  readonly #doubles: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#doubles = float64s(memory);
  }

  get(counter: Counter): number {
    return this.#doubles[counter] as number;
  }

  /** Ticks taken out of the queue: applied, lapped or skipped. */
  taken(): number {
    return this.get(Counter.APPLIED) + this.get(Counter.LAPPED) + this.get(Counter.SKIPPED);
  }

  /** Single writer. */
  add(counter: Counter, count: number): void {
    this.#doubles[counter] = (this.#doubles[counter] as number) + count;
  }

  /** Counts `ticks` ticks of one latency. Single writer. */
  addLatency(latencyUs: number, ticks: number): void {
    const bucket = Math.ceil(2 * Math.log2(Math.max(1, latencyUs)));
    const place = COUNTERS + Math.min(LATENCY_BUCKETS - 1, bucket);
    this.#doubles[place] = (this.#doubles[place] as number) + ticks;
    this.add(Counter.LATENCY_US_SUM, Math.max(0, latencyUs) * ticks);
  }

  /** Ticks counted in a latency bucket. */
  latency(bucket: number): number {
    return this.#doubles[COUNTERS + bucket] as number;
  }
}

/**
 * Fractional ms, monotonic, and the same in all threads of the process (the origin of
 * `performance.now` differs from worker to worker).
 */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

/** In the place of a {@link monotonicUs}: the latency of these ticks is not measured. */
export const UNMEASURED = 0;

/**
 * The clock of latencies: the low 32 bits of the monotonic clock in µs, signed, the same in all
 * threads and never {@link UNMEASURED}. Two readings within 71 minutes are `(b - a) >>> 0` apart.
 */
export function monotonicUs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return (Math.imul(seconds, 1_000_000) + Math.trunc(nanoseconds / 1000)) | 0 || -1;
}
