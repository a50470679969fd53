import { PLACE_DOUBLES, PLACES_MIN, UNIT_DOUBLES } from './place-arena.ts';
import { DequeWord, RecordDouble, RecordWord, type SymbolRecords } from './symbol-records.ts';

/** The unit of a deque whose places are in its symbol's record. */
export const IN_RECORD = 0;

/*
 * The word CLASS of a deque, from its lowest bit. Shifting by the word shifts by the class alone.
 *
 *   in a block       class 5 bits │ -- │ owner, from bit OWNER_SHIFT: number of the partition
 *   in the record    0            │ TRIMMED │ places dropped, from bit OWNER_SHIFT
 *
 * TRIMMED marks a deque that was cut to its newest place when its block was reclaimed.
 */
export const CLASS_BITS = 31;
export const TRIMMED = 32;
export const OWNER_SHIFT = 8;

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
