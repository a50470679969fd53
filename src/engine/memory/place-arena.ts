import { DequeWord, RecordDouble, RecordWord, type SymbolRecords } from './symbol-records.ts';

/*
 * Where a partition's deques keep their places once they outgrow those of their symbol's record: blocks of 8, 16, 32 …
 * places (powers of two) cut from one piece of shared memory, used by the partition's worker only.
 *
 *   header   ┌ NEXT: first unit never used ┬ FREE[size class]: a free block's unit, or 0 ┐
 *   units    PLACES_MIN places each, 64 bytes; a block is 2^class units in a row; unit 0 is never handed out
 *   place    ┌ time float64 ┬ price float64 ┐
 *
 * A free block's first word links to the next free one of its class. The system gives pages only when first touched, so
 * a large arena costs address space, not memory.
 */
const NEXT = 0;
const FREE = 1;
const HEADER_UNITS = 2;
const UNIT_BYTES = 64;
const UNIT_WORDS = UNIT_BYTES / 4;
const SIZE_CLASSES = HEADER_UNITS * UNIT_WORDS - FREE;

/** Doubles of a unit. */
export const UNIT_DOUBLES = UNIT_BYTES / 8;
/** Places of a unit, and of a deque that has not grown. */
export const PLACES_MIN = 4;
/** Doubles of a place: its time and its price. */
export const PLACE_DOUBLES = 2;

/** The class of the smallest block that holds `places`: a block of class c holds PLACES_MIN · 2^c. */
export function sizeClassOf(places: number): number {
  return Math.max(0, Math.ceil(Math.log2(places / PLACES_MIN)));
}

/** Shared memory for `growBytes` of blocks. */
export function createPlaceArena(growBytes: number): SharedArrayBuffer {
  const units = HEADER_UNITS + Math.ceil(growBytes / UNIT_BYTES);
  const memory = new SharedArrayBuffer(units * UNIT_BYTES);
  new Int32Array(memory)[NEXT] = HEADER_UNITS;
  return memory;
}

/** Hands out blocks of places. One thread only; nothing allocates. */
export class PlaceArena {
  /** All places, as doubles: place i of the block at `unit` is at unit · UNIT_DOUBLES + i · PLACE_DOUBLES. */
  readonly doubles: Float64Array;
  /** The same memory as words. */
  readonly words: Int32Array;
  readonly #units: number;

  constructor(memory: SharedArrayBuffer) {
    this.doubles = new Float64Array(memory);
    this.words = new Int32Array(memory);
    this.#units = memory.byteLength / UNIT_BYTES;
  }

  /** A block of the class, its content undefined; 0 when the arena has none. */
  allocate(sizeClass: number): number {
    return this.#takeFree(sizeClass) || this.#cut(sizeClass) || this.#split(sizeClass);
  }

  release(unit: number, sizeClass: number): void {
    this.words[unit * UNIT_WORDS] = this.words[FREE + sizeClass] as number;
    this.words[FREE + sizeClass] = unit;
  }

  #takeFree(sizeClass: number): number {
    const unit = this.words[FREE + sizeClass] as number;
    if (unit !== 0) this.words[FREE + sizeClass] = this.words[unit * UNIT_WORDS] as number;
    return unit;
  }

  #cut(sizeClass: number): number {
    const next = this.words[NEXT] as number;
    const end = next + 2 ** sizeClass;
    if (end > this.#units) return 0;
    this.words[NEXT] = end;
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

/*
 * Where one of a symbol's deques keeps its places: `size` of them in a ring of PLACES_MIN · 2^class, from `head` on,
 *
 *   unit 0     in the symbol's record
 *   else       in the arena's block at `unit`
 */

/** Unit of a deque whose places are those of its symbol's record. */
export const IN_RECORD = 0;

/** Which of a symbol's two deques: where in the record its words are, and its own places. */
export interface DequeKind {
  readonly firstWord: number;
  readonly firstDouble: number;
}

export const MINIMA: DequeKind = {
  firstWord: RecordWord.MINIMA,
  firstDouble: RecordDouble.MINIMA,
};
export const MAXIMA: DequeKind = {
  firstWord: RecordWord.MAXIMA,
  firstDouble: RecordDouble.MAXIMA,
};

/** A deque's places as doubles, time and price of each, oldest first. */
export function readPlaces(
  records: SymbolRecords,
  arena: Float64Array,
  symbolId: number,
  { firstWord, firstDouble }: DequeKind,
): Float64Array {
  const state = symbolId * records.wordsEach + firstWord;
  const unit = records.words[state + DequeWord.UNIT] as number;
  const mask = (PLACES_MIN << (records.words[state + DequeWord.CLASS] as number)) - 1;
  const head = records.words[state + DequeWord.HEAD] as number;
  const size = records.words[state + DequeWord.SIZE] as number;
  const isInRecord = unit === IN_RECORD;
  const from = isInRecord ? records.doubles : arena;
  const first = isInRecord ? symbolId * records.doublesEach + firstDouble : unit * UNIT_DOUBLES;
  const places = new Float64Array(size * PLACE_DOUBLES);
  for (let i = 0; i < size; i++) {
    const place = first + ((head + i) & mask) * PLACE_DOUBLES;
    places[i * PLACE_DOUBLES] = from[place] as number;
    places[i * PLACE_DOUBLES + 1] = from[place + 1] as number;
  }
  return places;
}

/** Copies a deque's places in the arena, if it has any there, from one arena to another, to where they stood. */
export function copyArenaPlaces(
  records: SymbolRecords,
  from: Float64Array,
  to: Float64Array,
  symbolId: number,
  { firstWord }: DequeKind,
): void {
  const state = symbolId * records.wordsEach + firstWord;
  const unit = records.words[state + DequeWord.UNIT] as number;
  if (unit === IN_RECORD) return;
  const mask = (PLACES_MIN << (records.words[state + DequeWord.CLASS] as number)) - 1;
  const head = records.words[state + DequeWord.HEAD] as number;
  const size = records.words[state + DequeWord.SIZE] as number;
  for (let i = 0; i < size; i++) {
    const place = unit * UNIT_DOUBLES + ((head + i) & mask) * PLACE_DOUBLES;
    to[place] = from[place] as number;
    to[place + 1] = from[place + 1] as number;
  }
}
