import { float64s, int32s } from '../../threads/shared-memory.ts';
/*
 * How the gateway requests something of a partition's worker, to be done at a position in its
 * queue. The memory of a request begins with:
 *
 *   gateway, 64 bytes            worker, 64 bytes
 *   ┌────────┬─ -- ─┬─────────┐   ┌───────┬─ -- ─┐
 *   │ WANTED │      │ CUT     │   │ DONE  │      │
 *   │ int32  │      │ float64 │   │ int32 │      │
 *   └────────┴──────┴─────────┘   └───────┴──────┘
 *
 * WANTED and DONE number requests; they differ by 1 while one is open, so they may wrap. CUT is the
 * number of ticks offered to the tick ring before. The gateway writes everything else, then WANTED,
 * and only then publishes ticks behind the cut: a worker that sees any of those also sees the
 * request.
 *
 * The worker writes DONE last. If it dies before, the request stays open and its successor starts
 * over.
 */
export const LINE_WORDS = 16;
const WANTED = 0;
/** A double. */
const CUT = 1;
const DONE = LINE_WORDS;

/** The gateway's end. One thread only; never blocks. */
export class WorkerRequester {
  protected readonly words: Int32Array;
  protected readonly doubles: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.words = int32s(memory);
    this.doubles = float64s(memory);
  }

  /**
   * Makes a request for after the first `cut` ticks offered. The previous one is done; the caller
   * wakes the worker.
   */
  request(cut: number): void {
    this.doubles[CUT] = cut;
    Atomics.store(this.words, WANTED, (Atomics.load(this.words, WANTED) + 1) | 0);
  }

  isDone(): boolean {
    return Atomics.load(this.words, DONE) === Atomics.load(this.words, WANTED);
  }

  /** Resolves when the request is done. The wait does not keep the process alive. */
  async done(): Promise<void> {
    while (!this.isDone()) {
      const before = (Atomics.load(this.words, WANTED) - 1) | 0;
      await Atomics.waitAsync(this.words, DONE, before).value;
    }
  }
}

/** The worker's end. One thread only; never blocks, never allocates. */
export class WorkerResponder {
  protected readonly words: Int32Array;
  protected readonly doubles: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.words = int32s(memory);
    this.doubles = float64s(memory);
  }

  isWanted(): boolean {
    return Atomics.load(this.words, WANTED) !== this.words[DONE];
  }

  /** Ticks to be taken before the open request, after `taken` were; 0 or below once it is due. */
  ticksBefore(taken: number): number {
    return (this.doubles[CUT] as number) - taken;
  }

  /** Completes the request. What it made was written by this thread, or before it started. */
  protected complete(): void {
    Atomics.store(this.words, DONE, Atomics.load(this.words, WANTED));
    this.notifyAgain();
  }

  /** Wakes the gateway in case a worker died between finishing and waking it. */
  notifyAgain(): void {
    Atomics.notify(this.words, DONE);
  }
}
