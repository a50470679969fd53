import { Counter, type Counters } from './counters.ts';
import { loadAfterReads } from './fence.ts';

/*
 * A bounded queue of ticks in shared memory: one producer (the gateway), one consumer (the partition's worker).
 *
 *   header, 64 bytes a line, each written by one end only
 *   ┌──────────────────┬───────────────────────────────────────────────┬──────────────────┐
 *   │ producer         │ consumer                                      │ both             │
 *   │  TAIL  INTENT    │  HEAD  APPLYING  APPLYING_SYMBOL  START       │  ASLEEP  STOP    │
 *   └──────────────────┴───────────────────────────────────────────────┴──────────────────┘
 *   slots, 32 bytes each, `capacity` of them (a power of two)
 *   ┌──────────┬─────────┬───────────────┬───────────────┬───────────────┐
 *   │ symbolId │   --    │ price         │ time          │ offeredAt     │
 *   │ int32    │         │ float64       │ float64       │ float64       │
 *   └──────────┴─────────┴───────────────┴───────────────┴───────────────┘
 *
 * Positions are int32 that wrap; their difference, as int32, is right as long as it is below 2^31.
 *
 * A producer never moves HEAD. Where it may overwrite (dropOldest), it announces each overwrite in INTENT before it
 * touches the slot; the consumer copies a batch first, then reads INTENT, and discards what may have been overwritten
 * (as in Agrona's broadcast buffer). Everything else is written only where the consumer has finished.
 *
 * HEAD follows the partition's counters: ticks taken so far are those applied, lapped and skipped, and each is counted
 * before HEAD moves past it. A consumer may die between the two; its successor moves HEAD to where the counters are.
 */
const LINE_WORDS = 16;
const TAIL = 0;
const INTENT = 1;
const HEAD = LINE_WORDS;
const APPLYING = LINE_WORDS + 1;
const APPLYING_SYMBOL = LINE_WORDS + 2;
const START = LINE_WORDS + 3;
const ASLEEP = 2 * LINE_WORDS;
const STOP = 2 * LINE_WORDS + 1;
const HEADER_WORDS = 3 * LINE_WORDS;
const SLOT_WORDS = 8;
const SLOT_DOUBLES = 4;
const HEADER_DOUBLES = HEADER_WORDS / 2;

/** Looks at the queue this often before sleeping: a frame that is on its way is then met awake. */
const SPINS_BEFORE_SLEEP = 200;
/** A sleeping consumer looks up this often, ms, should a wake-up ever be missed. */
const SLEEP_MS_MAX = 1000;

const NEVER = () => false;

/** Shared memory for a ring of `capacity` ticks, a power of two. `start` is the first position (tests of wrapping). */
export function createTickRing(capacity: number, start = 0): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(HEADER_WORDS * 4 + capacity * SLOT_WORDS * 4);
  const words = new Int32Array(memory);
  words[TAIL] = start;
  words[INTENT] = start;
  words[HEAD] = start;
  words[APPLYING] = (start - 1) | 0;
  words[START] = start;
  return memory;
}

function capacityOf(memory: SharedArrayBuffer): number {
  return (memory.byteLength - HEADER_WORDS * 4) / (SLOT_WORDS * 4);
}

/** The ticks of a frame, in columns. */
export interface ReceivedTicks {
  readonly prices: Float64Array;
  readonly times: Float64Array;
  /** When the frame was received, monotonic ms. */
  readonly receivedAt: number;
}

/** A tick that a consumer died on. */
export interface InterruptedTick {
  readonly position: number;
  readonly symbolId: number;
  /** Undefined where they were overwritten since. */
  readonly price: number | undefined;
  readonly time: number | undefined;
}

/** The producer's end. One thread only; never blocks, never allocates. */
export class TickProducer {
  readonly capacity: number;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #mask: number;
  readonly #overwrites: boolean;
  #tail: number;
  /** HEAD as last seen: it only moves on, so space counted from here is there. */
  #head: number;
  #published: number;

  /** @param overwrites whether a full ring gives way to new ticks (`dropOldest`) instead of refusing them */
  constructor(memory: SharedArrayBuffer, overwrites: boolean) {
    this.#words = new Int32Array(memory);
    this.#doubles = new Float64Array(memory);
    this.capacity = capacityOf(memory);
    this.#mask = this.capacity - 1;
    this.#overwrites = overwrites;
    this.#tail = Atomics.load(this.#words, TAIL);
    this.#published = this.#tail;
    this.#head = Atomics.load(this.#words, HEAD);
  }

  /**
   * Puts tick number `index` of a frame's into the ring; the consumer sees it after {@link publish}. (Its numbers are not
   * passed one by one: a double is boxed on the way into a call that the compiler does not inline.)
   *
   * @returns false when the ring is full and does not overwrite
   */
  tryOffer(symbolId: number, ticks: ReceivedTicks, index: number): boolean {
    const tail = this.#tail;
    if (((tail - this.#head) | 0) >= this.capacity) {
      this.#head = Atomics.load(this.#words, HEAD);
      if (((tail - this.#head) | 0) >= this.capacity) {
        if (!this.#overwrites) return false;
        // Before the slot changes (an exchange, which later plain stores cannot overtake): a consumer that reads any of
        // the new bytes will find this announcement.
        Atomics.exchange(this.#words, INTENT, (tail + 1) | 0);
      }
    }
    const slot = tail & this.#mask;
    const double = HEADER_DOUBLES + slot * SLOT_DOUBLES;
    this.#words[HEADER_WORDS + slot * SLOT_WORDS] = symbolId;
    this.#doubles[double + 1] = ticks.prices[index] as number;
    this.#doubles[double + 2] = ticks.times[index] as number;
    this.#doubles[double + 3] = ticks.receivedAt;
    this.#tail = (tail + 1) | 0;
    return true;
  }

  /** Makes everything offered visible to the consumer, without waking it. Returns whether there was something. */
  publish(): boolean {
    if (this.#published === this.#tail) return false;
    this.#published = this.#tail;
    // Kept near TAIL though nothing is overwritten: left behind by 2^31 positions it would seem to be ahead.
    this.#words[INTENT] = this.#tail;
    Atomics.store(this.#words, TAIL, this.#tail);
    return true;
  }

  /** The position of the next tick: ticks offered so far are before it. */
  get position(): number {
    return this.#tail;
  }

  /** Wakes the consumer if it sleeps: a system call only then. Call after {@link publish}. */
  wake(): void {
    if (Atomics.load(this.#words, ASLEEP) === 0) return;
    if (Atomics.compareExchange(this.#words, ASLEEP, 1, 0) === 1) {
      Atomics.notify(this.#words, ASLEEP);
    }
  }

  /** Ticks that fit at least; 0 where the ring is full. */
  free(): number {
    this.#head = Atomics.load(this.#words, HEAD);
    return Math.max(0, this.capacity - ((this.#tail - this.#head) | 0));
  }

  /** Ticks offered and not yet applied, at most the capacity. */
  depth(): number {
    return this.capacity - this.free();
  }

  /**
   * The tick that a consumer died on, and that its successor will skip; undefined if it died on none.
   *
   * @param taken ticks that the partition's counters count as taken
   */
  interruptedTick(taken: number): InterruptedTick | undefined {
    const position = ((this.#words[START] as number) + taken) | 0;
    if (this.#words[APPLYING] !== position) return undefined;
    const symbolId = this.#words[APPLYING_SYMBOL] as number;
    // Its slot may hold a newer tick since.
    if (((this.#tail - position) | 0) > this.capacity) {
      return { position, symbolId, price: undefined, time: undefined };
    }
    const double = HEADER_DOUBLES + (position & this.#mask) * SLOT_DOUBLES;
    return {
      position,
      symbolId,
      price: this.#doubles[double + 1],
      time: this.#doubles[double + 2],
    };
  }

  /** Tells the consumer to end once the ring is empty. */
  stop(): void {
    Atomics.store(this.#words, STOP, 1);
    this.wake();
  }
}

/** A batch of ticks copied out of a ring, in the consumer's own memory. */
export class TickColumns {
  readonly symbolIds: Int32Array;
  readonly prices: Float64Array;
  readonly times: Float64Array;
  readonly offeredAt: Float64Array;

  constructor(capacity: number) {
    this.symbolIds = new Int32Array(capacity);
    this.prices = new Float64Array(capacity);
    this.times = new Float64Array(capacity);
    this.offeredAt = new Float64Array(capacity);
  }
}

/** The consumer's end. One thread only; {@link sleep} blocks, the rest does not; nothing allocates. */
export class TickConsumer {
  readonly #counters: Counters;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #capacity: number;
  readonly #mask: number;
  #head: number;

  /** @param counters take the ticks that were overwritten before they were read */
  constructor(memory: SharedArrayBuffer, counters: Counters) {
    this.#counters = counters;
    this.#words = new Int32Array(memory);
    this.#doubles = new Float64Array(memory);
    this.#capacity = capacityOf(memory);
    this.#mask = this.#capacity - 1;
    this.#head = Atomics.load(this.#words, HEAD);
  }

  /** The position of the next tick to take. */
  get position(): number {
    return this.#head;
  }

  /**
   * Copies up to `limit` ticks into `columns` from index 0, whole ones only. They count as taken one by one, with
   * {@link begin} and {@link end}.
   *
   * @returns how many; 0 when there is none to take at this moment
   */
  poll(columns: TickColumns, limit: number): number {
    const queued = (Atomics.load(this.#words, TAIL) - this.#head) | 0;
    if (queued <= 0) return 0;
    if (queued > this.#capacity) this.#skipLapped(queued - this.#capacity);
    const count = Math.min(queued, limit, this.#capacity);
    this.#copy(columns, 0, count);
    const intent = loadAfterReads(this.#words, INTENT);
    const overwritten = (intent - this.#capacity - this.#head) | 0;
    if (overwritten <= 0) return count;
    // What the producer reached meanwhile is lost; the rest of the batch was copied whole: move it to the front.
    const lost = Math.min(overwritten, count);
    this.#skipLapped(overwritten);
    if (lost === count) return 0;
    columns.symbolIds.copyWithin(0, lost, count);
    columns.prices.copyWithin(0, lost, count);
    columns.times.copyWithin(0, lost, count);
    columns.offeredAt.copyWithin(0, lost, count);
    return count - lost;
  }

  /** Marks the next tick of the batch as being applied: if this thread dies, its successor skips just that one. */
  begin(symbolId: number): void {
    this.#words[APPLYING_SYMBOL] = symbolId;
    this.#words[APPLYING] = this.#head;
  }

  /** The tick marked by {@link begin} is applied and counted. */
  end(): void {
    this.#head = (this.#head + 1) | 0;
  }

  /** Gives the producer the slots of the ticks that ended so far. */
  release(): void {
    Atomics.store(this.#words, HEAD, this.#head);
  }

  /**
   * For a consumer that takes over after another died: the symbol whose tick was begun and not counted, or -1. It is to be
   * counted as skipped, and then no longer is the interrupted one.
   */
  interrupted(): number {
    if (this.#words[APPLYING] !== this.#headByCounters()) return -1;
    return this.#words[APPLYING_SYMBOL] as number;
  }

  /** Moves past all that is counted, whether or not the consumer before came to it. */
  resume(): void {
    this.#head = this.#headByCounters();
    this.release();
  }

  /**
   * Blocks until there may be something to take, or a stop was asked for, or {@link TickProducer.wake} was called after
   * something that `isCalled` looks at.
   *
   * @param spins looks at the queue before that
   */
  sleep(isCalled: () => boolean = NEVER, spins = SPINS_BEFORE_SLEEP): void {
    for (let i = 0; i < spins; i++) {
      if (this.#hasWork()) return;
    }
    Atomics.store(this.#words, ASLEEP, 1);
    // A producer that published before it could see ASLEEP has not woken us: look once more.
    if (!this.#hasWork() && !isCalled()) Atomics.wait(this.#words, ASLEEP, 1, SLEEP_MS_MAX);
    Atomics.store(this.#words, ASLEEP, 0);
  }

  isStopping(): boolean {
    return Atomics.load(this.#words, STOP) === 1;
  }

  #hasWork(): boolean {
    return Atomics.load(this.#words, TAIL) !== this.#head || this.isStopping();
  }

  #headByCounters(): number {
    return ((this.#words[START] as number) + this.#counters.taken()) | 0;
  }

  #skipLapped(count: number): void {
    this.#counters.add(Counter.LAPPED, count);
    this.#head = (this.#head + count) | 0;
    this.release();
  }

  #copy(columns: TickColumns, at: number, count: number): void {
    for (let i = 0; i < count; i++) {
      const slot = (this.#head + i) & this.#mask;
      const double = HEADER_DOUBLES + slot * SLOT_DOUBLES;
      columns.symbolIds[at + i] = this.#words[HEADER_WORDS + slot * SLOT_WORDS] as number;
      columns.prices[at + i] = this.#doubles[double + 1] as number;
      columns.times[at + i] = this.#doubles[double + 2] as number;
      columns.offeredAt[at + i] = this.#doubles[double + 3] as number;
    }
  }
}
