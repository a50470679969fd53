import { LINE_WORDS, WorkerRequester, WorkerResponder } from './worker-request.ts';

/*
 * How the gateway has a partition's worker forget symbols, up to RETIRED_MAX at a time; see
 * worker-request.ts for the words that every request has. Behind WANTED stands COUNT, the number of
 * symbols; behind the worker's line:
 *
 *   symbolIds   int32 each      the symbols
 *   verdicts    int32 each      UNDECIDED, then FORGOTTEN or KEPT
 *   counts      float64 each    a symbol with another number of ticks is kept; below 0: any
 *
 * The ticks before the cut belong to the symbols as they were. The worker decides about all
 * symbols, then forgets, then is done. A successor starts over, with the verdicts that are there.
 */
const COUNT = 1;
const SYMBOLS = 2 * LINE_WORDS;

/** Symbols in one request of a partition: forgotten in about 0.1 ms. */
export const RETIRED_MAX = 256;
const VERDICTS = SYMBOLS + RETIRED_MAX;
const COUNTS = (VERDICTS + RETIRED_MAX) / 2;

const UNDECIDED = 0;
const FORGOTTEN = 1;
const KEPT = 2;

export function createRetireRequest(): SharedArrayBuffer {
  return new SharedArrayBuffer(COUNTS * 8 + RETIRED_MAX * 8);
}

/** The gateway's end. */
export class RetireRequester extends WorkerRequester {
  /** Adds a symbol to the next request, as number `index` of it. The last one is done. */
  add(index: number, symbolId: number, count: number): void {
    this.words[SYMBOLS + index] = symbolId;
    this.words[VERDICTS + index] = UNDECIDED;
    this.doubles[COUNTS + index] = count;
  }

  /** Requests that the `count` symbols added are forgotten after the first `cut` ticks offered. */
  requestAll(count: number, cut: number): void {
    this.words[COUNT] = count;
    this.request(cut);
  }

  /** Whether symbol number `index` of the request done was forgotten, not kept. */
  isForgotten(index: number): boolean {
    return this.words[VERDICTS + index] === FORGOTTEN;
  }
}

/** The worker's end. */
export class RetireResponder extends WorkerResponder {
  /** Symbols of the open request. */
  get count(): number {
    return this.words[COUNT] as number;
  }

  symbolId(index: number): number {
    return this.words[SYMBOLS + index] as number;
  }

  /**
   * Decides about symbol number `index`, unless a predecessor has.
   *
   * @param count ticks that the symbol has
   */
  decide(index: number, count: number): void {
    if (this.words[VERDICTS + index] !== UNDECIDED) return;
    const expected = this.doubles[COUNTS + index] as number;
    const isExpected = expected < 0 || expected === count;
    this.words[VERDICTS + index] = isExpected ? FORGOTTEN : KEPT;
  }

  isForgotten(index: number): boolean {
    return this.words[VERDICTS + index] === FORGOTTEN;
  }

  finish(): void {
    this.complete();
  }
}
