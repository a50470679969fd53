import { assertRange } from '../assert.ts';
import { DequeWord, RecordDouble, RecordWord, type SymbolRecords } from './symbol-records.ts';

/*
 * Where a partition's deques keep their places (time and price of a tick) once they outgrow the
 * symbol's record: blocks of 8, 16, 32 … places cut from one piece of shared memory. Used by the
 * partition's worker only, so nothing is atomic.
 *
 *   header   ┌ NEXT: first unit never used ┬ FREE[size class]: a free block's unit, or 0 ┐
 *   units    PLACES_MIN places each, 64 bytes; a block is 2^class units in a row
 *   place    ┌ time float64 ┬ price float64 ┐
 *
 * A deque with `size` places keeps them in a ring of PLACES_MIN · 2^class, from `head` on:
 *
 *   unit 0     in the symbol's record; the arena never hands this unit out
 *   else       in the block at `unit`
 *
 * The first word of a free block links to the next one of its class. The system backs pages with
 * memory when they are first written, so a large arena costs address space only.
 */
const NEXT = 0;
const FREE = 1;
const HEADER_UNITS = 2;
const UNIT_BYTES = 64;
const UNIT_WORDS = UNIT_BYTES / 4;
const SIZE_CLASSES = HEADER_UNITS * UNIT_WORDS - FREE;

/** Doubles of a unit. */
export const UNIT_DOUBLES = UNIT_BYTES / 8;
/** Places of a unit, and of a deque in its record. */
export const PLACES_MIN = 4;
/** Doubles of a place: its time and its price. */
export const PLACE_DOUBLES = 2;

/**
 * The class of the smallest block that holds `places`: a block of class c holds PLACES_MIN · 2^c.
 */
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

/** Allocates blocks of places: free lists by size class. One thread only; makes no objects. */
export class PlaceArena {
  /** Place i of the block at `unit` is at unit · UNIT_DOUBLES + i · PLACE_DOUBLES. */
  readonly doubles: Float64Array;
  /** The same memory as words. */
  readonly words: Int32Array;
  readonly #units: number;

  constructor(memory: SharedArrayBuffer) {
    this.doubles = new Float64Array(memory);
    this.words = new Int32Array(memory);
    this.#units = memory.byteLength / UNIT_BYTES;
  }

  /** Returns the unit of a block of the class, with undefined content; 0 if there is none. */
  allocate(sizeClass: number): number {
    return this.#takeFree(sizeClass) || this.#cut(sizeClass) || this.#split(sizeClass);
  }

  release(unit: number, sizeClass: number): void {
    this.words[unit * UNIT_WORDS] = this.words[FREE + sizeClass] as number;
    this.words[FREE + sizeClass] = unit;
  }

  #takeFree(sizeClass: number): number {
    const unit = this.words[FREE + sizeClass] as number;
    if (unit === 0) return 0;
    assertRange('unit of a free block', unit, HEADER_UNITS, this.#units - 2 ** sizeClass);
    this.words[FREE + sizeClass] = this.words[unit * UNIT_WORDS] as number;
    return unit;
  }

  #cut(sizeClass: number): number {
    const next = this.words[NEXT] as number;
    const end = next + 2 ** sizeClass;
    if (end > this.#units) return 0;
    this.words[NEXT] = end;
    return next;
  }

  /**
   * When nothing is left to cut: takes the first part of a larger free block and frees the rest.
   */
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

/** The unit of a deque whose places are in its symbol's record. */
export const IN_RECORD = 0;

/** One of a symbol's two deques: where its words and places begin in the record. */
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

/** A copy of a deque's places: time and price of each, oldest first. */
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

/**
 * Copies a deque's places from one arena to the same offsets of another; nothing where they are in
 * the record.
 */
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
