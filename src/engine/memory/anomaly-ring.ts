import type { Anomaly, Direction } from '../../protocol/index.ts';
import { assertRange } from '../assert.ts';
import type { SymbolTable } from '../symbol-table.ts';

/*
 * A bounded queue of anomalies: one producer (the worker of a partition), one consumer (the
 * gateway).
 *
 *   header: TAIL and FORGOTTEN (producer), HEAD (consumer), each end on a cache line of its own
 *   slots, 64 bytes each, a power of two of them
 *   ┌──────────┬───────────┬──────────┬───────────┬───────┬───────────────┬──────┬──────────┐
 *   │ symbolId │ direction │ sequence │ reference │ price │ changePercent │ time │    --    │
 *   │ int32    │ int32     │ float64 each                                     │          │
 *   └──────────┴───────────┴──────────┴───────────┴───────┴───────────────┴──────┴──────────┘
 *
 * The producer writes a slot, then stores TAIL; the consumer reads slots, then stores HEAD. Nothing
 * is overwritten or dropped: a full ring makes the worker wait. Its tick ring then fills up, and
 * the overflow policy decides there, where drops are counted. So TAIL is never further ahead of
 * HEAD than the capacity, and both may wrap.
 *
 * A slot with symbolId LOST reports ticks that are never applied: direction is the cause, sequence
 * and reference are positions in the partition's queue, from and to (exclusive). It comes
 * before the anomalies of later ticks.
 *
 * Anomalies before FORGOTTEN may be of symbols that were retired since, whose ids others have now.
 */
const LINE_WORDS = 16;
const TAIL = 0;
const FORGOTTEN = 1;
const HEAD = LINE_WORDS;
const HEADER_WORDS = 2 * LINE_WORDS;
const SLOT_WORDS = 16;
const LOST = -1;
/** Longest wait of a producer, ms: bounds the delay should a wake-up ever be lost. */
const WAIT_MS_MAX = 100;

/**
 * Shared memory for a ring.
 *
 * @param capacity anomalies, a power of two
 * @param start the first position; other than 0 only in tests of wrapping
 */
export function createAnomalyRing(capacity: number, start = 0): SharedArrayBuffer {
  const memory = new SharedArrayBuffer((HEADER_WORDS + capacity * SLOT_WORDS) * 4);
  const words = new Int32Array(memory);
  words[TAIL] = start;
  words[HEAD] = start;
  return memory;
}

class RingView {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly capacity: number;

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory);
    this.doubles = new Float64Array(memory);
    this.capacity = (this.words.length - HEADER_WORDS) / SLOT_WORDS;
  }

  slotOf(position: number): number {
    return HEADER_WORDS + (position & (this.capacity - 1)) * SLOT_WORDS;
  }

  /** Anomalies from `head` to `tail`. */
  count(head: number, tail: number): number {
    const count = (tail - head) | 0;
    assertRange('anomalies in a ring', count, 0, this.capacity);
    return count;
  }
}

/** The worker's end. One thread only; {@link waitForSpace} blocks; never allocates. */
export class AnomalyProducer {
  readonly #ring: RingView;
  #tail: number;

  constructor(memory: SharedArrayBuffer) {
    this.#ring = new RingView(memory);
    this.#tail = Atomics.load(this.#ring.words, TAIL);
  }

  /** The other thread that may hold the partition has appended anomalies. */
  reload(): void {
    this.#tail = Atomics.load(this.#ring.words, TAIL);
  }

  hasSpace(count: number): boolean {
    const used = this.#ring.count(Atomics.load(this.#ring.words, HEAD), this.#tail);
    return this.#ring.capacity - used >= count;
  }

  /** Symbols are being retired: the anomalies so far say nothing about who has their ids next. */
  forget(): void {
    this.#ring.words[FORGOTTEN] = this.#tail;
  }

  /**
   * Sequence of the last appended anomaly if it is of this symbol, drained or not; else 0. A symbol
   * that had this id before does not count.
   */
  newestSequence(symbolId: number): number {
    if (this.#ring.words[FORGOTTEN] === this.#tail) return 0;
    const slot = this.#ring.slotOf(this.#tail - 1);
    return this.#ring.words[slot] === symbolId ? (this.#ring.doubles[slot / 2 + 1] as number) : 0;
  }

  /** Blocks until there may be space for `count`: the consumer took something, or 100 ms passed. */
  waitForSpace(count: number): void {
    const head = Atomics.load(this.#ring.words, HEAD);
    if (this.#ring.capacity - ((this.#tail - head) | 0) >= count) return;
    Atomics.wait(this.#ring.words, HEAD, head, WAIT_MS_MAX);
  }

  /**
   * Appends an anomaly. The caller has checked that there is space.
   *
   * @param sequence of the symbol: 1, 2, 3 …
   * @param direction 1 up, -1 down
   * @param reference the extreme of the window that the price moved away from
   * @param changePercent from the reference to the price
   * @param time of the tick, ms since the epoch
   */
  append(
    symbolId: number,
    sequence: number,
    direction: number,
    reference: number,
    price: number,
    changePercent: number,
    time: number,
  ): void {
    const { words, doubles } = this.#ring;
    const slot = this.#ring.slotOf(this.#tail);
    const double = slot / 2;
    words[slot] = symbolId;
    words[slot + 1] = direction;
    doubles[double + 1] = sequence;
    doubles[double + 2] = reference;
    doubles[double + 3] = price;
    doubles[double + 4] = changePercent;
    doubles[double + 5] = time;
    this.#tail = (this.#tail + 1) | 0;
    // Positions wrap: FORGOTTEN must not seem to be ahead one day.
    if (((this.#tail - (words[FORGOTTEN] as number)) | 0) < 0) words[FORGOTTEN] = this.#tail - 1;
    Atomics.store(words, TAIL, this.#tail);
  }

  /** Reports lost ticks, by their positions. The caller has checked that there is space. */
  appendLost(cause: LostCause, from: number, to: number): void {
    this.append(LOST, from, cause, to, 0, 0, 0);
  }
}

/** Why ticks that were taken are never applied. */
export const LostCause = {
  /** Overwritten in a full queue. */
  LAPPED: 1,
  /** A worker died of it. */
  SKIPPED: 2,
} as const;
export type LostCause = (typeof LostCause)[keyof typeof LostCause];

/** Takes an anomaly and the id of its symbol. */
export type AnomalySink = (anomaly: Anomaly, symbolId: number) => void;

/**
 * Takes a report that the ticks of a partition at positions `from` to `to` (exclusive) are lost;
 * positions count from the engine's start. May come twice, or overlap an earlier one.
 */
export type LostSink = (cause: LostCause, from: number, to: number) => void;

/** The gateway's end. One thread only; never blocks; allocates one object a slot. */
export class AnomalyConsumer {
  readonly #ring: RingView;
  readonly #symbols: Pick<SymbolTable, 'name'>;
  #head: number;

  constructor(memory: SharedArrayBuffer, symbols: Pick<SymbolTable, 'name'>) {
    this.#symbols = symbols;
    this.#ring = new RingView(memory);
    this.#head = Atomics.load(this.#ring.words, HEAD);
  }

  isEmpty(): boolean {
    return Atomics.load(this.#ring.words, TAIL) === this.#head;
  }

  /** The position behind the newest anomaly. */
  get end(): number {
    return Atomics.load(this.#ring.words, TAIL);
  }

  /** Whether all anomalies before a position of the producer were taken. */
  isPast(position: number): boolean {
    return ((position - this.#head) | 0) <= 0;
  }

  /**
   * Passes at most `limit` anomalies to `sink` and reports of lost ticks to `lost`, oldest first.
   * Returns how many.
   */
  drain(sink: AnomalySink, limit = Number.POSITIVE_INFINITY, lost?: LostSink): number {
    const { words } = this.#ring;
    const count = Math.min(limit, this.#ring.count(this.#head, Atomics.load(words, TAIL)));
    for (let i = 0; i < count; i++) {
      const slot = this.#ring.slotOf(this.#head + i);
      if (words[slot] === LOST) lost?.(...this.#readLost(slot));
      else sink(this.#read(slot), words[slot] as number);
    }
    if (count > 0) {
      this.#head = (this.#head + count) | 0;
      Atomics.store(words, HEAD, this.#head);
      Atomics.notify(words, HEAD);
    }
    return count;
  }

  #readLost(slot: number): Parameters<LostSink> {
    const { words, doubles } = this.#ring;
    const double = slot / 2;
    const cause = words[slot + 1] as LostCause;
    return [cause, doubles[double + 1] as number, doubles[double + 2] as number];
  }

  #read(slot: number): Anomaly {
    const { words, doubles } = this.#ring;
    const double = slot / 2;
    return {
      symbol: this.#symbols.name(words[slot] as number),
      sequence: doubles[double + 1] as number,
      direction: words[slot + 1] as Direction,
      reference: doubles[double + 2] as number,
      price: doubles[double + 3] as number,
      changePercent: doubles[double + 4] as number,
      time: doubles[double + 5] as number,
    };
  }
}
