import { float64s, int32s } from '../../threads/shared-memory.ts';

/*
 * The server's clock on its way to a partition: readings, each to be taken after so many ticks of
 * the partition's queue. What ends by time, not by a tick, ends with them, so that a replay of the
 * journal, which has the same readings at the same places, comes to the same state.
 *
 *   gateway, 64 bytes        worker, 64 bytes                     slots, SLOTS of them
 *   ┌────────┬───────────┬─ -- ─┐ ┌───────┬────────┬────────┬─ -- ─┐ ┌──────────┬─────┬───────┐
 *   │ PUSHED │ PUBLISHED │      │ │ TAKEN │ SYMBOL │ WANTED │      │ │ position │ now │ rules │ …
 *   │ int32  │ int32     │      │ │ int32 │ int32  │ int32  │      │ │ float64 each           │
 *   └────────┴───────────┴──────┘ └───────┴────────┴────────┴──────┘ └──────────┴─────┴───────┘
 *
 * `rules` is the version of the rules that the partition changes to then; 0: the same as before.
 *
 * PUSHED, PUBLISHED and TAKEN count readings and wrap. The worker takes a reading only once it is
 * published, and before any tick, capture or retirement behind it: the gateway pushes before it
 * publishes such ticks, and pushes none while a capture or retirement waits for its cut.
 *
 * SYMBOL is 1 + the symbol whose state a reading is changing, for the successor of a worker that
 * dies of it; 0: none. WANTED tells the gateway whether a reading would change anything.
 */
const LINE_WORDS = 16;
const PUSHED = 0;
const PUBLISHED = 1;
const TAKEN = LINE_WORDS;
const SYMBOL = LINE_WORDS + 1;
const WANTED = LINE_WORDS + 2;
const SLOTS_FROM = LINE_WORDS;
/** Readings that may wait, a power of two: minutes of a worker that stands still. */
const SLOTS = 1024;
const SLOT_DOUBLES = 3;

export function createClockQueue(): SharedArrayBuffer {
  return new SharedArrayBuffer(2 * LINE_WORDS * 4 + SLOTS * SLOT_DOUBLES * 8);
}

/** The gateway's end. One thread only; never blocks, never allocates. */
export class ClockProducer {
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  #marked = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#words = int32s(memory);
    this.#doubles = float64s(memory);
  }

  /** Whether a reading would change anything now. */
  get isWanted(): boolean {
    return Atomics.load(this.#words, WANTED) !== 0;
  }

  hasSpace(): boolean {
    return this.waiting < SLOTS;
  }

  /** Readings that the worker has not taken. */
  get waiting(): number {
    return ((this.#words[PUSHED] as number) - Atomics.load(this.#words, TAKEN)) | 0;
  }

  /** Whether there are readings that {@link mark} has not seen. */
  get isUnmarked(): boolean {
    return this.#words[PUSHED] !== this.#marked;
  }

  /**
   * Adds a reading, for after the first `position` ticks offered. There is space. The worker takes
   * it after {@link publish}.
   */
  push(position: number, now: number, rules = 0): void {
    const pushed = this.#words[PUSHED] as number;
    const slot = SLOTS_FROM + SLOT_DOUBLES * (pushed & (SLOTS - 1));
    this.#doubles[slot] = position;
    this.#doubles[slot + 1] = now;
    this.#doubles[slot + 2] = rules;
    Atomics.store(this.#words, PUSHED, (pushed + 1) | 0);
  }

  /** Sets the end of the next {@link publishMarked} behind the readings pushed so far. */
  mark(): void {
    this.#marked = this.#words[PUSHED] as number;
  }

  /** Returns whether there were any. */
  publishMarked(): boolean {
    if (this.#words[PUBLISHED] === this.#marked) return false;
    Atomics.store(this.#words, PUBLISHED, this.#marked);
    return true;
  }

  publish(): boolean {
    this.mark();
    return this.publishMarked();
  }
}

/** The worker's end. One thread only; never blocks, never allocates. */
export class ClockConsumer {
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = int32s(memory);
    this.#doubles = float64s(memory);
  }

  /** Whether a reading waits, published or not. */
  get isWaiting(): boolean {
    return Atomics.load(this.#words, PUSHED) !== this.#words[TAKEN];
  }

  /** Whether the oldest reading, which waits, may be taken. */
  get isPublished(): boolean {
    return Atomics.load(this.#words, PUBLISHED) !== this.#words[TAKEN];
  }

  /** Whether there is a reading to be taken after so many ticks. */
  isDue(taken: number): boolean {
    return this.isWaiting && this.isPublished && this.ticksBefore(taken) <= 0;
  }

  /** Ticks to be taken before the oldest reading, after `taken` were; 0 or below: none. */
  ticksBefore(taken: number): number {
    return (this.#doubles[this.#slot] as number) - taken;
  }

  /** The oldest reading, ms since the epoch. */
  get now(): number {
    return this.#doubles[this.#slot + 1] as number;
  }

  /** The version of the rules that comes with it; 0: none. */
  get rules(): number {
    return this.#doubles[this.#slot + 2] as number;
  }

  /** The oldest reading is about to change a symbol. */
  begin(symbolId: number): void {
    this.#words[SYMBOL] = symbolId + 1;
  }

  /** It has changed the symbol, or a successor has repaired it. */
  settled(): void {
    this.#words[SYMBOL] = 0;
  }

  /** The symbol that a predecessor was changing when it died; -1 if none. */
  interrupted(): number {
    return (this.#words[SYMBOL] as number) - 1;
  }

  /** The oldest reading has changed everything. */
  take(): void {
    Atomics.store(this.#words, TAKEN, ((this.#words[TAKEN] as number) + 1) | 0);
  }

  /** Tells the gateway whether a reading would change anything. */
  want(isWanted: boolean): void {
    const word = isWanted ? 1 : 0;
    if (this.#words[WANTED] !== word) Atomics.store(this.#words, WANTED, word);
  }

  get #slot(): number {
    return SLOTS_FROM + SLOT_DOUBLES * ((this.#words[TAKEN] as number) & (SLOTS - 1));
  }
}
