/*
 * Where the deques of a partition keep their places: blocks of 4, 8, 16 … places (powers of two) cut from one piece of
 * shared memory, used by the partition's worker only.
 *
 *   header   ┌ NEXT: first unit never used ┬ STARTED: deques begun ┬ FREE[size class]: a free block's unit, or 0 ┐
 *   units    4 places each, 64 bytes; a block is 2^class units in a row; unit 0 is never handed out
 *   place    ┌ time float64 ┬ price float64 ┐
 *
 * A free block's first word links to the next free one of its class. The system gives pages only when first touched, so
 * a large arena costs address space, not memory.
 */
const NEXT = 0;
const STARTED = 1;
const FREE = 2;
const HEADER_UNITS = 2;
const UNIT_BYTES = 64;
const UNIT_WORDS = UNIT_BYTES / 4;
const SIZE_CLASSES = HEADER_UNITS * UNIT_WORDS - FREE;

/** Places in the smallest block. */
export const PLACES_MIN = 4;
/** Doubles of a place: its time and its price. */
export const PLACE_DOUBLES = 2;

/** The class of the smallest block that holds `places`: a block of class c holds PLACES_MIN · 2^c. */
export function sizeClassOf(places: number): number {
  return Math.max(0, Math.ceil(Math.log2(places / PLACES_MIN)));
}

/** Shared memory for the deques of a partition: a smallest block for each of `deques`, and `growBytes` to grow into. */
export function createPlaceArena(deques: number, growBytes: number): SharedArrayBuffer {
  const units = HEADER_UNITS + deques + Math.ceil(growBytes / UNIT_BYTES);
  const memory = new SharedArrayBuffer(units * UNIT_BYTES);
  new Int32Array(memory)[NEXT] = HEADER_UNITS;
  return memory;
}

/** Hands out blocks of places. One thread only; nothing allocates. */
export class PlaceArena {
  /** All places, as doubles: place i of the block at `unit` is at {@link firstDouble}(unit) + 2·i. */
  readonly doubles: Float64Array;
  readonly #words: Int32Array;
  readonly #units: number;
  readonly #deques: number;

  /** @param deques how many may ever be begun; their first blocks are kept back from those that grow */
  constructor(memory: SharedArrayBuffer, deques: number) {
    this.#deques = deques;
    this.doubles = new Float64Array(memory);
    this.#words = new Int32Array(memory);
    this.#units = memory.byteLength / UNIT_BYTES;
  }

  firstDouble(unit: number): number {
    return unit * (UNIT_BYTES / 8);
  }

  /** A smallest block for a deque that begins: there always is one. {@link countStarted} once the deque holds it. */
  allocateFirst(): number {
    const started = this.#words[STARTED] as number;
    if (started >= this.#deques) throw new Error(`place arena: made for ${this.#deques} deques`);
    return this.#takeFree(0) || this.#cut(0, 0);
  }

  /** Counts a deque that has its first block. Counted late by a death in between, a block too many is kept back. */
  countStarted(): void {
    this.#words[STARTED] = (this.#words[STARTED] as number) + 1;
  }

  /** A block of the class, its content undefined; 0 when the arena has none. */
  allocate(sizeClass: number): number {
    const keptBack = this.#deques - (this.#words[STARTED] as number);
    return this.#takeFree(sizeClass) || this.#cut(sizeClass, keptBack) || this.#split(sizeClass);
  }

  release(unit: number, sizeClass: number): void {
    this.#words[unit * UNIT_WORDS] = this.#words[FREE + sizeClass] as number;
    this.#words[FREE + sizeClass] = unit;
  }

  #takeFree(sizeClass: number): number {
    const unit = this.#words[FREE + sizeClass] as number;
    if (unit !== 0) this.#words[FREE + sizeClass] = this.#words[unit * UNIT_WORDS] as number;
    return unit;
  }

  #cut(sizeClass: number, keptBack: number): number {
    const next = this.#words[NEXT] as number;
    const end = next + 2 ** sizeClass;
    if (end + keptBack > this.#units) return 0;
    this.#words[NEXT] = end;
    return next;
  }

  /** With nothing left to cut: the first part of a larger free block; the rest of it stays free. */
  #split(sizeClass: number): number {
    for (let larger = sizeClass + 1; larger < SIZE_CLASSES; larger++) {
      const unit = this.#takeFree(larger);
      if (unit === 0) continue;
      for (let half = larger - 1; half >= sizeClass; half--) this.release(unit + 2 ** half, half);
      return unit;
    }
    return 0;
  }
}
