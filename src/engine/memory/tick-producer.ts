import { float64s, int32s } from '../../threads/shared-memory.ts';
import { assertRange } from '../assert.ts';
import { GatewayHold } from './partition-holder.ts';
import {
  capacityOf,
  FAR_APART,
  type ReceivedTicks,
  RingDouble,
  RingSize,
  RingWord,
} from './tick-ring.ts';

const { HEADER_DOUBLES, HEADER_WORDS, SLOT_DOUBLES, SLOT_WORDS } = RingSize;
const { OFFERED, RELEASED } = RingDouble;
const { APPLYING, APPLYING_SYMBOL, HEAD, INTENT, START, STOP, TAIL } = RingWord;

/** The tick that a dead consumer was applying. */
export interface InterruptedTick {
  /** Ticks offered before it since the ring was made. */
  readonly position: number;
  readonly symbolId: number;
  /** Undefined, like the time, where a newer tick has overwritten it. */
  readonly price: number | undefined;
  /** ms since the epoch. */
  readonly time: number | undefined;
}

/** The producer's end of a tick ring. One thread only; never blocks, never allocates. */
export class TickProducer {
  readonly capacity: number;
  /** Of the consumer's partition. */
  readonly hold: GatewayHold;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #mask: number;
  readonly #overwrites: boolean;
  #tail: number;
  /**
   * HEAD as last read, at most a little more than {@link FAR_APART} behind. It only advances, so
   * the space counted from here is free.
   */
  #head: number;
  /** TAIL as published, and the ticks before it since the ring was made. */
  #published: number;
  #publishedCount: number;
  /** TAIL at the last {@link mark}. */
  #marked: number;

  /**
   * @param overwrites whether a full ring overwrites its oldest ticks (`dropOldest`) or refuses new
   *   ones
   */
  constructor(memory: SharedArrayBuffer, overwrites: boolean) {
    this.#words = int32s(memory);
    this.hold = new GatewayHold(this.#words);
    this.#doubles = float64s(memory);
    this.capacity = capacityOf(memory);
    this.#mask = this.capacity - 1;
    this.#overwrites = overwrites;
    this.#tail = Atomics.load(this.#words, TAIL);
    this.#published = this.#tail;
    this.#marked = this.#tail;
    this.#publishedCount = this.#doubles[OFFERED] as number;
    this.#head = this.#readHead();
  }

  /**
   * Writes tick number `index` of a frame. The consumer sees it after {@link publish}. (Takes
   * columns because a double passed to a call that the compiler does not inline is boxed.)
   *
   * @returns false when the ring is full and does not overwrite
   */
  tryOffer(symbolId: number, ticks: ReceivedTicks, index: number): boolean {
    const tail = this.#tail;
    if (((tail - this.#head) | 0) >= this.capacity) {
      this.#head = this.#readHead();
      if (((tail - this.#head) | 0) >= this.capacity) {
        if (!this.#overwrites) return false;
        // An exchange, which later plain stores cannot overtake: a consumer that reads any of the
        // new bytes also reads this announcement.
        Atomics.exchange(this.#words, INTENT, (tail + 1) | 0);
      }
    }
    const slot = tail & this.#mask;
    const double = HEADER_DOUBLES + slot * SLOT_DOUBLES;
    const word = HEADER_WORDS + slot * SLOT_WORDS;
    this.#words[word] = symbolId;
    this.#words[word + 1] = ticks.receivedUs;
    this.#doubles[double + 1] = ticks.prices[index] as number;
    this.#doubles[double + 2] = ticks.times[index] as number;
    this.#doubles[double + 3] = ticks.receivedAt;
    this.#tail = (tail + 1) | 0;
    return true;
  }

  /**
   * Makes all offered ticks visible to the consumer, without waking it. Returns whether there were
   * any.
   */
  publish(): boolean {
    this.#marked = this.#tail;
    return this.publishMarked();
  }

  /** Sets the end of the next {@link publishMarked} behind the ticks offered so far. */
  mark(): void {
    this.#marked = this.#tail;
  }

  /** The same as {@link publish}, of the ticks before the mark. */
  publishMarked(): boolean {
    const marked = this.#marked;
    if (this.#published === marked) return false;
    this.#publishedCount += (marked - this.#published) | 0;
    this.#published = marked;
    this.#doubles[OFFERED] = this.#publishedCount;
    // Also where nothing is overwritten: left 2^31 positions behind TAIL, INTENT would seem to be
    // ahead. Not the mark: ticks behind it may have overwritten some, too.
    this.#words[INTENT] = this.#tail;
    Atomics.store(this.#words, TAIL, marked);
    return true;
  }

  /**
   * Takes back the newest `count` ticks, none of them marked or published. Only where nothing is
   * overwritten.
   */
  withdraw(count: number): void {
    assertRange('ticks taken back', count, 0, (this.#tail - this.#marked) | 0);
    this.#tail = (this.#tail - count) | 0;
  }

  /** Ticks offered since the ring was made. */
  get offered(): number {
    return this.#publishedCount + ((this.#tail - this.#published) | 0);
  }

  /**
   * Wakes the consumer if it sleeps, which alone costs a system call. Call after {@link publish}.
   */
  wake(): void {
    this.hold.wake();
  }

  /** Ticks that fit, at least; 0 when the ring is full. */
  free(): number {
    const head = this.#readHead();
    const used = (this.#tail - head) | 0;
    assertRange('ticks offered and not released', used, 0, this.#overwrites ? used : this.capacity);
    this.#head = head;
    return Math.max(0, this.capacity - used);
  }

  /** Ticks offered and not yet applied, at most the capacity. */
  depth(): number {
    return this.capacity - this.free();
  }

  /**
   * The tick that a dead consumer was applying, which its successor will skip; undefined if none.
   *
   * @param taken ticks that the partition's counters count as taken
   */
  interruptedTick(taken: number): InterruptedTick | undefined {
    const head = ((this.#words[START] as number) + taken) | 0;
    if (this.#words[APPLYING] !== head) return undefined;
    const symbolId = this.#words[APPLYING_SYMBOL] as number;
    // Its slot may hold a newer tick by now.
    if (this.offered - taken > this.capacity) {
      return { position: taken, symbolId, price: undefined, time: undefined };
    }
    const double = HEADER_DOUBLES + (head & this.#mask) * SLOT_DOUBLES;
    return {
      position: taken,
      symbolId,
      price: this.#doubles[double + 1],
      time: this.#doubles[double + 2],
    };
  }

  /** HEAD, or where it is further behind, {@link FAR_APART} before TAIL. */
  #readHead(): number {
    // Before HEAD, which may only be ahead of it.
    const released = this.#doubles[RELEASED] as number;
    if (this.offered - released > FAR_APART) return (this.#tail - FAR_APART) | 0;
    return Atomics.load(this.#words, HEAD);
  }

  /** Tells the consumer to end once the ring is empty. */
  stop(): void {
    Atomics.store(this.#words, STOP, 1);
    this.wake();
  }
}
