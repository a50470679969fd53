import { float64s, int32s, sharedMemory } from '../../threads/shared-memory.ts';
import { assertRange } from '../assert.ts';

/*
 * A bounded queue of records about symbols: one producer (the worker of a partition), one consumer
 * (the gateway).
 *
 *   header: TAIL and FORGOTTEN (producer), HEAD (consumer), each end on a cache line of its own
 *   slots, a power of two of them
 *   ┌──────────┬──────────┬──────────┬───────────────────────┐
 *   │ symbolId │ int32    │ sequence │ the rest of a record  │
 *   │ int32    │          │ float64  │                       │
 *   └──────────┴──────────┴──────────┴───────────────────────┘
 *
 * The producer writes a slot, then stores TAIL; the consumer reads slots, then stores HEAD. Nothing
 * is overwritten or dropped: a full ring makes the worker wait. Its tick ring then fills up, and
 * the overflow policy decides there, where drops are counted. So TAIL is never further ahead of
 * HEAD than the capacity, and both may wrap.
 *
 * Records before FORGOTTEN may be of symbols that were retired since, whose ids others have now.
 */
const LINE_WORDS = 16;
const TAIL = 0;
const FORGOTTEN = 1;
const HEAD = LINE_WORDS;
const HEADER_WORDS = 2 * LINE_WORDS;
/** Longest wait of a producer, ms: bounds the delay should a wake-up ever be lost. */
const WAIT_MS_MAX = 100;

/** What a ring holds, for messages, and how large. */
export interface SlotKind {
  readonly name: string;
  readonly slotWords: number;
}

/**
 * Shared memory for a ring.
 *
 * @param capacity records, a power of two
 * @param start the first position; other than 0 only in tests of wrapping
 */
export function createSlotRing(kind: SlotKind, capacity: number, start: number): SharedArrayBuffer {
  const memory = sharedMemory((HEADER_WORDS + capacity * kind.slotWords) * 4);
  const words = int32s(memory);
  words[TAIL] = start;
  words[HEAD] = start;
  return memory;
}

class RingView {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly capacity: number;
  readonly #slotWords: number;
  /** Made once: it names the count that is asserted with every tick. */
  readonly #countName: string;

  constructor(memory: SharedArrayBuffer, { name, slotWords }: SlotKind) {
    this.words = int32s(memory);
    this.doubles = float64s(memory);
    this.capacity = (this.words.length - HEADER_WORDS) / slotWords;
    this.#slotWords = slotWords;
    this.#countName = `${name} in a ring`;
  }

  slotOf(position: number): number {
    return HEADER_WORDS + (position & (this.capacity - 1)) * this.#slotWords;
  }

  /** Records from `head` to `tail`. */
  count(head: number, tail: number): number {
    const count = (tail - head) | 0;
    assertRange(this.#countName, count, 0, this.capacity);
    return count;
  }
}

/** The worker's end. One thread only; {@link waitForSpace} blocks; never allocates. */
export class SlotProducer {
  protected readonly ring: RingView;
  #tail: number;

  constructor(memory: SharedArrayBuffer, kind: SlotKind) {
    this.ring = new RingView(memory, kind);
    this.#tail = Atomics.load(this.ring.words, TAIL);
  }

  /** The other thread that may hold the partition has appended records. */
  reload(): void {
    this.#tail = Atomics.load(this.ring.words, TAIL);
  }

  hasSpace(count: number): boolean {
    const used = this.ring.count(Atomics.load(this.ring.words, HEAD), this.#tail);
    return this.ring.capacity - used >= count;
  }

  /** Symbols are being retired: the records so far say nothing about who has their ids next. */
  forget(): void {
    this.ring.words[FORGOTTEN] = this.#tail;
  }

  /**
   * Sequence of the last appended record if it is of this symbol, drained or not; else 0. A symbol
   * that had this id before does not count.
   */
  newestSequence(symbolId: number): number {
    const slot = this.newestSlot(symbolId);
    return slot < 0 ? 0 : (this.ring.doubles[slot / 2 + 1] as number);
  }

  /** The slot of that record, in words; -1 if there is none. */
  protected newestSlot(symbolId: number): number {
    if (this.ring.words[FORGOTTEN] === this.#tail) return -1;
    const slot = this.ring.slotOf(this.#tail - 1);
    return this.ring.words[slot] === symbolId ? slot : -1;
  }

  /** Blocks until there may be space for `count`: the consumer took something, or 100 ms passed. */
  waitForSpace(count: number): void {
    const head = Atomics.load(this.ring.words, HEAD);
    if (this.ring.capacity - ((this.#tail - head) | 0) >= count) return;
    Atomics.wait(this.ring.words, HEAD, head, WAIT_MS_MAX);
  }

  /** The slot to write next, in words. */
  protected nextSlot(): number {
    return this.ring.slotOf(this.#tail);
  }

  /** Hands over the slot written. */
  protected commit(): void {
    const { words } = this.ring;
    this.#tail = (this.#tail + 1) | 0;
    // Positions wrap: FORGOTTEN must not seem to be ahead one day.
    if (((this.#tail - (words[FORGOTTEN] as number)) | 0) < 0) words[FORGOTTEN] = this.#tail - 1;
    Atomics.store(words, TAIL, this.#tail);
  }
}

/** The gateway's end. One thread only; never blocks. */
export class SlotConsumer {
  protected readonly ring: RingView;
  #head: number;

  constructor(memory: SharedArrayBuffer, kind: SlotKind) {
    this.ring = new RingView(memory, kind);
    this.#head = Atomics.load(this.ring.words, HEAD);
  }

  isEmpty(): boolean {
    return Atomics.load(this.ring.words, TAIL) === this.#head;
  }

  /** The position behind the newest record. */
  get end(): number {
    return Atomics.load(this.ring.words, TAIL);
  }

  /** Whether all records before a position of the producer were taken. */
  isPast(position: number): boolean {
    return ((position - this.#head) | 0) <= 0;
  }

  /** Passes the slots of at most `limit` records to `take`, oldest first. Returns how many. */
  protected takeSlots(limit: number, take: (slot: number) => void): number {
    const { words } = this.ring;
    const count = Math.min(limit, this.ring.count(this.#head, Atomics.load(words, TAIL)));
    for (let i = 0; i < count; i++) take(this.ring.slotOf(this.#head + i));
    if (count > 0) {
      this.#head = (this.#head + count) | 0;
      Atomics.store(words, HEAD, this.#head);
      Atomics.notify(words, HEAD);
    }
    return count;
  }
}
