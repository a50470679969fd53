/*
 * How the gateway requests a capture from a partition's worker, and how the worker answers.
 *
 *   gateway, 64 bytes            worker, 64 bytes
 *   ┌────────┬─ -- ─┬─────────┐   ┌────────┬────────┬──────────┬─────────┬─────────┬─ -- ─┐
 *   │ WANTED │      │ CUT     │   │ DONE   │ COPIED │ PAUSE_MS │ APPLIED │ LOST    │      │
 *   │ int32  │      │ float64 │   │ int32  │ int32  │ float64  │ float64 │ float64 │      │
 *   └────────┴──────┴─────────┘   └────────┴────────┴──────────┴─────────┴─────────┴──────┘
 *
 * WANTED and DONE number captures; they differ by 1 while one is requested, so they may wrap. CUT
 * is the number of ticks offered to the tick ring before the capture. The gateway writes CUT, then
 * WANTED, and only then publishes ticks behind the cut: a worker that sees any of those also sees
 * the request.
 *
 * The worker writes DONE last. If it dies before, the request stays open and its successor starts
 * over.
 */
const LINE_WORDS = 16;
const WANTED = 0;
const CUT = 1;
const DONE = LINE_WORDS;
const COPIED = LINE_WORDS + 1;
const PAUSE_MS = LINE_WORDS / 2 + 1;
const APPLIED = LINE_WORDS / 2 + 2;
const LOST = LINE_WORDS / 2 + 3;

export function createCaptureRequest(): SharedArrayBuffer {
  return new SharedArrayBuffer(2 * LINE_WORDS * 4);
}

/** The cost of a partition's part of a capture, and what it contains. */
export interface CaptureReport {
  /** Symbols copied: those that changed since the previous capture. */
  readonly copied: number;
  /** Time during which the worker applied no ticks, ms. */
  readonly pauseMs: number;
  /** Ticks of the partition applied before the cut since the engine started. */
  readonly applied: number;
  /** Ticks offered before the cut and never applied: overwritten, or skipped when a worker died. */
  readonly lost: number;
}

/** The gateway's end. One thread only; never blocks. */
export class CaptureRequester {
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    this.#doubles = new Float64Array(memory);
  }

  /**
   * Requests a capture of the first `cut` ticks offered. The previous one is done; the caller wakes
   * the worker.
   */
  request(cut: number): void {
    this.#doubles[CUT] = cut;
    Atomics.store(this.#words, WANTED, (Atomics.load(this.#words, WANTED) + 1) | 0);
  }

  isDone(): boolean {
    return Atomics.load(this.#words, DONE) === Atomics.load(this.#words, WANTED);
  }

  /** Resolves when the requested capture is done. The wait does not keep the process alive. */
  async done(): Promise<void> {
    while (!this.isDone()) {
      const before = (Atomics.load(this.#words, WANTED) - 1) | 0;
      await Atomics.waitAsync(this.#words, DONE, before).value;
    }
  }

  /** The report of the last capture done. */
  report(): CaptureReport {
    return {
      copied: this.#words[COPIED] as number,
      pauseMs: this.#doubles[PAUSE_MS] as number,
      applied: this.#doubles[APPLIED] as number,
      lost: this.#doubles[LOST] as number,
    };
  }
}

/** The worker's end. One thread only; never blocks, never allocates. */
export class CaptureResponder {
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    this.#doubles = new Float64Array(memory);
  }

  isWanted(): boolean {
    return Atomics.load(this.#words, WANTED) !== this.#words[DONE];
  }

  /**
   * Ticks to be taken before the requested capture, after `taken` were; 0 or below once it is due.
   */
  ticksBefore(taken: number): number {
    return (this.#doubles[CUT] as number) - taken;
  }

  /** Completes the capture. What was copied was written by this thread, or before it started. */
  finish(copied: number, pauseMs: number, applied: number, lost: number): void {
    this.#words[COPIED] = copied;
    this.#doubles[PAUSE_MS] = pauseMs;
    this.#doubles[APPLIED] = applied;
    this.#doubles[LOST] = lost;
    Atomics.store(this.#words, DONE, Atomics.load(this.#words, WANTED));
    Atomics.notify(this.#words, DONE);
  }

  /** Wakes the gateway in case a worker died between finishing and waking it. */
  notifyAgain(): void {
    Atomics.notify(this.#words, DONE);
  }
}
