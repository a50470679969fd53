const OFFSET_TRIES = 20;

/** Milliseconds of the machine's monotonic clock, which all its processes share. */
function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

/**
 * From the zero of `performance.now` to that of the monotonic clock. A process that is interrupted
 * between the two readings finds too little, by ms on a busy machine: of several tries the greatest
 * is right.
 */
function offsetToMonotonicMs(): number {
  let offset = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < OFFSET_TRIES; i++)
    offset = Math.max(offset, monotonicMs() - performance.now());
  return offset;
}

/** What makes the clocks of two processes one: the same instant on both of its scales. */
export interface ClockAnchor {
  readonly epochMs: number;
  readonly monotonicMs: number;
}

/**
 * Wall-clock time that never jumps: ms since the epoch, with fractions, read off the monotonic
 * clock. Clocks made with one anchor agree in all processes of a machine, which
 * `performance.timeOrigin` does not promise.
 */
export class Clock {
  readonly anchor: ClockAnchor;
  readonly #base: number;

  constructor(anchor: ClockAnchor = { epochMs: Date.now(), monotonicMs: monotonicMs() }) {
    this.anchor = anchor;
    // performance.now() is the same clock with another zero, and cheaper to read.
    this.#base = anchor.epochMs + offsetToMonotonicMs() - anchor.monotonicMs;
  }

  now(): number {
    return this.#base + performance.now();
  }
}
