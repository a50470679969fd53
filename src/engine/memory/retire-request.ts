/*
 * How the gateway has a partition's worker forget symbols, up to RETIRED_MAX at a time.
 *
 *   gateway, 64 bytes                     worker, 64 bytes
 *   ┌────────┬───────┬─────────┬─ -- ─┐   ┌───────┬─ -- ─┐
 *   │ WANTED │ COUNT │ CUT     │      │   │ DONE  │      │
 *   │ int32  │ int32 │ float64 │      │   │ int32 │      │
 *   └────────┴───────┴─────────┴──────┘   └───────┴──────┘
 *   symbolIds   int32 each      the symbols
 *   verdicts    int32 each      UNDECIDED, then FORGOTTEN or KEPT
 *   counts      float64 each    a symbol with another number of ticks is kept; below 0: any
 *
 * WANTED and DONE number requests; they differ by 1 while one is open, so they may wrap. CUT is the
 * number of ticks offered to the tick ring before, all of which belong to the symbols as they were.
 * The gateway writes the rest, then WANTED, and only then publishes ticks behind the cut: a worker
 * that sees any of those also sees the request.
 *
 * The worker decides about all symbols, then forgets, and writes DONE last. If it dies before, the
 * request stays open and its successor starts over, with the verdicts that are there.
 */
const LINE_WORDS = 16;
const WANTED = 0;
const COUNT = 1;
/** A double. */
const CUT = 1;
const DONE = LINE_WORDS;
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

/** The gateway's end. One thread only; never blocks. */
export class RetireRequester {
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    this.#doubles = new Float64Array(memory);
  }

  /** Adds a symbol to the next request, as number `index` of it. The last one is done. */
  add(index: number, symbolId: number, count: number): void {
    this.#words[SYMBOLS + index] = symbolId;
    this.#words[VERDICTS + index] = UNDECIDED;
    this.#doubles[COUNTS + index] = count;
  }

  /** Requests that the `count` symbols added are forgotten after the first `cut` ticks offered. */
  request(count: number, cut: number): void {
    this.#words[COUNT] = count;
    this.#doubles[CUT] = cut;
    Atomics.store(this.#words, WANTED, (Atomics.load(this.#words, WANTED) + 1) | 0);
  }

  isDone(): boolean {
    return Atomics.load(this.#words, DONE) === Atomics.load(this.#words, WANTED);
  }

  /** Resolves when the request is done. The wait does not keep the process alive. */
  async done(): Promise<void> {
    while (!this.isDone()) {
      const before = (Atomics.load(this.#words, WANTED) - 1) | 0;
      await Atomics.waitAsync(this.#words, DONE, before).value;
    }
  }

  /** Whether symbol number `index` of the request done was forgotten, not kept. */
  isForgotten(index: number): boolean {
    return this.#words[VERDICTS + index] === FORGOTTEN;
  }
}

/** The worker's end. One thread only; never blocks, never allocates. */
export class RetireResponder {
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    this.#doubles = new Float64Array(memory);
  }

  readonly isWanted = (): boolean => Atomics.load(this.#words, WANTED) !== this.#words[DONE];

  /** Ticks to the cut of the open request after `taken`; 0 or below once it is due. */
  ticksBefore(taken: number): number {
    return (this.#doubles[CUT] as number) - taken;
  }

  /** Symbols of the open request. */
  get count(): number {
    return this.#words[COUNT] as number;
  }

  symbolId(index: number): number {
    return this.#words[SYMBOLS + index] as number;
  }

  /**
   * Decides about symbol number `index`, unless a predecessor has.
   *
   * @param count ticks that the symbol has
   */
  decide(index: number, count: number): void {
    if (this.#words[VERDICTS + index] !== UNDECIDED) return;
    const expected = this.#doubles[COUNTS + index] as number;
    const isExpected = expected < 0 || expected === count;
    this.#words[VERDICTS + index] = isExpected ? FORGOTTEN : KEPT;
  }

  isForgotten(index: number): boolean {
    return this.#words[VERDICTS + index] === FORGOTTEN;
  }

  /** Completes the request. */
  finish(): void {
    Atomics.store(this.#words, DONE, Atomics.load(this.#words, WANTED));
    Atomics.notify(this.#words, DONE);
  }

  /** Wakes the gateway in case a worker died between finishing and waking it. */
  notifyAgain(): void {
    Atomics.notify(this.#words, DONE);
  }
}
