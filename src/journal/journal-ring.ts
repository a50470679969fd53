import { type EntryMemory, entryMemory } from './format.ts';

/*
 * A ring of entries in shared memory: one producer (the gateway), one consumer (the thread that
 * writes them to disk).
 *
 *   header, 64 bytes a line
 *   ┌────────────┬────────────┬────────────┐
 *   │ producer   │ consumer   │ both       │
 *   │  TAIL      │  SYNCED    │  SLEEP     │
 *   └────────────┴────────────┴────────────┘
 *   data, a power of two of bytes: a position of the journal is at (position − run's start) in it,
 *   modulo its size. Both are multiples of a block, so no entry wraps.
 *
 * TAIL and SYNCED count units of 8 bytes since the run began, wrap as int32, and are never further
 * apart than the ring is large. The consumer writes checksums into entries before TAIL, and frees
 * them only when they are on disk: after a failed sync the kernel may have dropped what it was
 * given, and the ring still has it.
 */
const LINE_WORDS = 16;
const TAIL = 0;
const SYNCED = LINE_WORDS;
const SLEEP = 2 * LINE_WORDS;
const HEADER_BYTES = 3 * LINE_WORDS * 4;
const UNIT_BYTES = 8;

/** How the consumer sleeps. */
const Sleep = {
  AWAKE: 0,
  /** Wakes by itself after some ms. */
  SHORT: 1,
  /** Wants to be woken by the next entry. */
  LONG: 2,
} as const;

/** @param ringBytes a power of two */
export function createJournalRing(ringBytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(HEADER_BYTES + ringBytes);
}

class RingEnd {
  readonly memory: EntryMemory;
  readonly ringBytes: number;
  protected readonly header: Int32Array;
  /** Where the run began. */
  readonly start: number;

  constructor(memory: SharedArrayBuffer, start: number) {
    this.header = new Int32Array(memory, 0, HEADER_BYTES / 4);
    this.memory = entryMemory(memory, HEADER_BYTES);
    this.ringBytes = this.memory.bytes.length;
    this.start = start;
  }

  /** A position's place in the memory. */
  offsetOf(position: number): number {
    return (position - this.start) % this.ringBytes;
  }
}

/** The gateway's end. One thread only; never blocks or allocates. */
export class RingProducer extends RingEnd {
  /** Everything before it is published. */
  #published: number;
  #synced: number;
  #wokenAt: number;

  constructor(memory: SharedArrayBuffer, start: number) {
    super(memory, start);
    this.#published = start;
    this.#synced = start;
    this.#wokenAt = start;
  }

  /** Everything before it is on disk. */
  get synced(): number {
    const units =
      ((Atomics.load(this.header, SYNCED) - unitsOf(this.#synced - this.start)) | 0) >>> 0;
    this.#synced += units * UNIT_BYTES;
    return this.#synced;
  }

  /** Publishes what was written before `position`. */
  publish(position: number): void {
    this.#published = position;
    Atomics.store(this.header, TAIL, unitsOf(position - this.start));
    const sleep = Atomics.load(this.header, SLEEP);
    if (sleep === Sleep.AWAKE) return;
    // A quarter of the ring: before it is full, there is time for a slow disk.
    const isMuch = position - this.#wokenAt > this.ringBytes / 4;
    if (sleep === Sleep.LONG || isMuch) this.wake();
  }

  /** Wakes the consumer, however it sleeps. */
  wake(): void {
    this.#wokenAt = this.#published;
    if (Atomics.exchange(this.header, SLEEP, Sleep.AWAKE) !== Sleep.AWAKE) {
      Atomics.notify(this.header, SLEEP);
    }
  }
}

/** The writer's end. One thread only. */
export class RingConsumer extends RingEnd {
  /** What was before it was released when this end was made. */
  readonly synced: number;
  #tail: number;

  /**
   * @param start where the run began
   * @param synced what is before it was released
   */
  constructor(memory: SharedArrayBuffer, start: number, synced = start) {
    super(memory, start);
    this.synced = synced;
    this.#tail = synced;
  }

  /** Everything before it may be read. */
  get tail(): number {
    const units = ((Atomics.load(this.header, TAIL) - unitsOf(this.#tail - this.start)) | 0) >>> 0;
    this.#tail += units * UNIT_BYTES;
    return this.#tail;
  }

  /** Frees what is before `position`: it is on disk. */
  release(position: number): void {
    Atomics.store(this.header, SYNCED, unitsOf(position - this.start));
  }

  /** Blocks for `ms`, or until it is woken: much was appended, or there is a message. */
  sleep(ms: number): void {
    Atomics.store(this.header, SLEEP, Sleep.SHORT);
    Atomics.wait(this.header, SLEEP, Sleep.SHORT, ms);
    Atomics.store(this.header, SLEEP, Sleep.AWAKE);
  }

  /** Blocks until there is an entry behind `position`, for at most `ms`. */
  sleepUntilAppended(position: number, ms: number): void {
    Atomics.store(this.header, SLEEP, Sleep.LONG);
    if (this.tail === position) Atomics.wait(this.header, SLEEP, Sleep.LONG, ms);
    Atomics.store(this.header, SLEEP, Sleep.AWAKE);
  }
}

function unitsOf(bytes: number): number {
  return (bytes / UNIT_BYTES) | 0;
}
