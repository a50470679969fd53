import { LINE_WORDS, WorkerRequester, WorkerResponder } from './worker-request.ts';

/*
 * How the gateway requests a capture from a partition's worker, and how the worker answers; see
 * worker-request.ts for the words that every request has. On the worker's line, behind DONE:
 *
 *   ┌────────┬────────┬──────────┬─────────┬─────────┬─ -- ─┐
 *   │ DONE   │ COPIED │ PAUSE_MS │ APPLIED │ LOST    │      │
 *   │ int32  │ int32  │ float64  │ float64 │ float64 │      │
 *   └────────┴────────┴──────────┴─────────┴─────────┴──────┘
 */
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

/** The gateway's end. */
export class CaptureRequester extends WorkerRequester {
  /** The report of the last capture done. */
  report(): CaptureReport {
    return {
      copied: this.words[COPIED] as number,
      pauseMs: this.doubles[PAUSE_MS] as number,
      applied: this.doubles[APPLIED] as number,
      lost: this.doubles[LOST] as number,
    };
  }
}

/** The worker's end. */
export class CaptureResponder extends WorkerResponder {
  finish(copied: number, pauseMs: number, applied: number, lost: number): void {
    this.words[COPIED] = copied;
    this.doubles[PAUSE_MS] = pauseMs;
    this.doubles[APPLIED] = applied;
    this.doubles[LOST] = lost;
    this.complete();
  }
}
