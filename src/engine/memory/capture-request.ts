/*
 * How the gateway asks a partition's worker for a capture, and how the worker says that it is done.
 *
 *   gateway, 64 bytes             worker, 64 bytes
 *   ┌─────────┬────────┬─ -- ─┐   ┌───────────┬────────┬───────────┬────────────┬─────────────┬─ -- ─┐
 *   │ WANTED  │ CUT    │      │   │ DONE      │ COPIED │ PAUSE_MS  │ APPLIED    │ LOST        │      │
 *   │ int32   │ int32  │      │   │ int32     │ int32  │ float64   │ float64    │ float64     │      │
 *   └─────────┴────────┴──────┘   └───────────┴────────┴───────────┴────────────┴─────────────┴──────┘
 *
 * WANTED and DONE are numbers of captures; they differ while one is wanted. CUT is the position in the tick ring up to which
 * ticks are in it. The gateway writes CUT, then WANTED, and only then publishes ticks behind the cut: a worker that sees
 * any of those sees the request, too.
 *
 * DONE is the last that the worker writes. One that dies before leaves the request open, and its successor does it anew.
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

/** What a partition's part of a capture came to. */
export interface CaptureReport {
  /** Symbols that had changed since the capture before, and so were copied. */
  readonly copied: number;
  /** How long the worker applied no ticks for it, ms. */
  readonly pauseMs: number;
  /** Ticks of the partition applied before the cut since the engine started. */
  readonly applied: number;
  /** Ticks offered before the cut that never were: overwritten in the queue, or skipped when a worker died. */
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

  /** Asks for a capture at position `cut`. The one before is done; the worker may have to be woken. */
  request(cut: number): void {
    this.#words[CUT] = cut;
    Atomics.store(this.#words, WANTED, (Atomics.load(this.#words, WANTED) + 1) | 0);
  }

  isDone(): boolean {
    return Atomics.load(this.#words, DONE) === Atomics.load(this.#words, WANTED);
  }

  /** Resolves when the capture asked for is done. The wait does not keep the process alive. */
  async done(): Promise<void> {
    while (!this.isDone()) {
      const before = (Atomics.load(this.#words, WANTED) - 1) | 0;
      await Atomics.waitAsync(this.#words, DONE, before).value;
    }
  }

  /** Of the capture that was done last. */
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

  /** Ticks from `position` to the cut of the capture that is wanted; not above 0 where it is due. */
  ticksBefore(position: number): number {
    return ((this.#words[CUT] as number) - position) | 0;
  }

  /** Says that the copy is whole. What was copied must have been written by this thread, or before it started. */
  finish(copied: number, pauseMs: number, applied: number, lost: number): void {
    this.#words[COPIED] = copied;
    this.#doubles[PAUSE_MS] = pauseMs;
    this.#doubles[APPLIED] = applied;
    this.#doubles[LOST] = lost;
    Atomics.store(this.#words, DONE, Atomics.load(this.#words, WANTED));
    Atomics.notify(this.#words, DONE);
  }

  /** Wakes the gateway for a worker that died, perhaps between finishing and waking it. */
  notifyAnew(): void {
    Atomics.notify(this.#words, DONE);
  }
}
