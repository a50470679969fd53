import { LateInsertion } from './late-insertion.ts';
import {
  CLASS_BITS,
  type DequeKind,
  IN_RECORD,
  MAXIMA,
  MINIMA,
  OWNER_SHIFT,
  TRIMMED,
} from './memory/deque-places.ts';
import {
  PLACE_DOUBLES,
  PLACES_MIN,
  type PlaceArena,
  sizeClassOf,
  UNIT_DOUBLES,
} from './memory/place-arena.ts';
import { DequeWord, type SymbolRecords } from './memory/symbol-records.ts';
import { TickDouble, type TickScratch } from './tick-scratch.ts';

/** A deque that fills at most one place in this many of its block moves to a smaller one. */
const SHRINK_AT = 8;
/** Smaller blocks do not shrink while in use: they would grow and shrink too often. */
const SHRINK_ABOVE_PLACES = 64;

/** Frees blocks of other symbols when the arena has none left. */
export interface BlockReclaimer {
  /** Frees blocks, none of symbol `except`, until there may be one of the class. */
  free(sizeClass: number, except: number, tick: TickScratch): void;
}

/** Bounds the places of all deques together by their number. */
export interface PlaceBudget {
  /** Whether a deque of the symbol may have `after` places instead of `before`. */
  admits(symbolId: number, before: number, after: number, tick: TickScratch): boolean;
  /** A deque has `after` places, with a tick of `time`, instead of `before`. */
  changed(before: number, after: number, time: number): void;
  /** Moves blocks together: then there is one for every deque that was admitted. */
  compact(): void;
}

/**
 * The extremum of a symbol's ticks inside the window: a monotonic deque, as for the sliding window
 * minimum. Its front is the extremum; a new tick removes the places at the back that can never
 * become it. Amortized O(1) a tick. One thread only; never allocates.
 *
 * Ticks of the same time need one place at most, so times in whole ms take at most window + 1
 * places.
 */
export class MonotonicDeque {
  /** Places dropped because a deque could not grow. */
  truncated = 0;
  /** Undefined: none are freed. */
  reclaimer: BlockReclaimer | undefined;
  /** Undefined: deques may have what the arena has space for. */
  budget: PlaceBudget | undefined;
  readonly #words: Int32Array;
  readonly #wordsEach: number;
  readonly #recordDoubles: Float64Array;
  readonly #doublesEach: number;
  readonly #arena: PlaceArena;
  readonly #arenaDoubles: Float64Array;
  readonly #firstWord: number;
  readonly #firstDouble: number;
  /** 1 for minima, -1 for maxima: a tick removes places whose sign × price is not below its own. */
  readonly #sign: number;
  readonly #extremum: number;
  readonly #capacityMax: number;
  readonly #insertion = new LateInsertion();

  constructor(
    records: SymbolRecords,
    arena: PlaceArena,
    extremum: 'minimum' | 'maximum',
    capacityMax: number,
  ) {
    const isMinimum = extremum === 'minimum';
    this.#words = records.words;
    this.#wordsEach = records.wordsEach;
    this.#recordDoubles = records.doubles;
    this.#doublesEach = records.doublesEach;
    this.#arena = arena;
    this.#arenaDoubles = arena.doubles;
    const kind: DequeKind = isMinimum ? MINIMA : MAXIMA;
    this.#firstWord = kind.firstWord;
    this.#firstDouble = kind.firstDouble;
    this.#sign = isMinimum ? 1 : -1;
    this.#extremum = isMinimum ? TickDouble.MINIMUM : TickDouble.MAXIMUM;
    this.#capacityMax = Math.max(PLACES_MIN, capacityMax);
  }

  /**
   * Adds a tick whose time is not below those before it, drops places older than its window, and
   * writes the extremum of the window to the tick.
   */
  push(symbolId: number, tick: TickScratch): void {
    const before = this.size(symbolId);
    this.#append(symbolId, tick, before);
    this.budget?.changed(before, this.size(symbolId), tick[TickDouble.TIME] as number);
  }

  #append(symbolId: number, tick: TickScratch, before: number): void {
    const words = this.#words;
    const state = symbolId * this.#wordsEach + this.#firstWord;
    const unit = words[state + DequeWord.UNIT] as number;
    const places = unit === IN_RECORD ? this.#recordDoubles : this.#arenaDoubles;
    const first = this.#firstOf(symbolId, unit);
    const mask = (PLACES_MIN << (words[state + DequeWord.CLASS] as number)) - 1;
    let head = words[state + DequeWord.HEAD] as number;
    let size = before;
    const oldest = tick[TickDouble.OLDEST] as number;
    while (size > 0 && (places[first + head * PLACE_DOUBLES] as number) < oldest) {
      head = (head + 1) & mask;
      size--;
    }
    if (size === 0) {
      if (unit !== IN_RECORD) this.#returnToRecord(state);
      words[state + DequeWord.CLASS] = 0;
      this.#startOver(symbolId, state, tick);
      return;
    }
    if (((words[state + DequeWord.CLASS] as number) & TRIMMED) !== 0) this.#countTrimmed(state);
    const sign = this.#sign;
    const price = tick[TickDouble.PRICE] as number;
    let back = first + ((head + size - 1) & mask) * PLACE_DOUBLES;
    while (size > 0 && sign * (places[back + 1] as number) >= sign * price) {
      size--;
      back = first + ((head + size - 1) & mask) * PLACE_DOUBLES;
    }
    words[state + DequeWord.HEAD] = head;
    words[state + DequeWord.SIZE] = size;
    if (size === 0) {
      this.#startOver(symbolId, state, tick);
      return;
    }
    tick[this.#extremum] = places[first + head * PLACE_DOUBLES + 1] as number;
    // A more extreme place of the same time leaves the
    // window together with the tick, which needs none.
    if (places[back] === tick[TickDouble.TIME]) {
      return;
    }
    if (size >= PLACES_MIN && !this.#isAdmitted(symbolId, before, size + 1, tick)) {
      head = (head + 1) & mask;
      size--;
      this.truncated++;
      words[state + DequeWord.HEAD] = head;
      words[state + DequeWord.SIZE] = size;
      tick[this.#extremum] = places[first + head * PLACE_DOUBLES + 1] as number;
    }
    if (size > mask || (mask >= SHRINK_ABOVE_PLACES && size * SHRINK_AT <= mask)) {
      this.#appendResized(symbolId, state, tick);
      return;
    }
    const place = first + ((head + size) & mask) * PLACE_DOUBLES;
    places[place] = tick[TickDouble.TIME] as number;
    places[place + 1] = price;
    words[state + DequeWord.SIZE] = size + 1;
  }

  /**
   * Adds a late tick where it belongs by time, drops places older than the window of the symbol's
   * newest tick, and writes the extremum of that window to the tick.
   */
  insert(symbolId: number, tick: TickScratch): void {
    const before = this.size(symbolId);
    this.#insert(symbolId, tick, before);
    this.budget?.changed(before, this.size(symbolId), tick[TickDouble.TIME] as number);
  }

  #insert(symbolId: number, tick: TickScratch, before: number): void {
    const words = this.#words;
    const state = symbolId * this.#wordsEach + this.#firstWord;
    let size = this.#expire(symbolId, state, tick);
    if (size === 0) {
      if (words[state + DequeWord.UNIT] !== IN_RECORD) this.#returnToRecord(state);
      words[state + DequeWord.CLASS] = 0;
      this.#startOver(symbolId, state, tick);
      return;
    }
    if (((words[state + DequeWord.CLASS] as number) & TRIMMED) !== 0) this.#countTrimmed(state);
    const insertion = this.#insertion;
    this.#beginInsertion(symbolId, state);
    if (insertion.find(tick, this.#sign)) {
      const capacity = PLACES_MIN << (words[state + DequeWord.CLASS] as number);
      let hasSpace = !insertion.grows || this.#isAdmitted(symbolId, before, size + 1, tick);
      if (insertion.grows && hasSpace && size === capacity) {
        this.#makeSpace(symbolId, capacity * 2, tick);
        hasSpace = this.#tryResize(symbolId, state, capacity * 2);
        this.#beginInsertion(symbolId, state);
      }
      if (!hasSpace) this.truncated++;
      if (hasSpace || insertion.dropOldest()) insertion.insert(tick);
      words[state + DequeWord.HEAD] = insertion.head;
      size = insertion.size;
      words[state + DequeWord.SIZE] = size;
    }
    const unit = words[state + DequeWord.UNIT] as number;
    const places = unit === IN_RECORD ? this.#recordDoubles : this.#arenaDoubles;
    const head = words[state + DequeWord.HEAD] as number;
    tick[this.#extremum] = places[
      this.#firstOf(symbolId, unit) + head * PLACE_DOUBLES + 1
    ] as number;
  }

  #isAdmitted(symbolId: number, before: number, after: number, tick: TickScratch): boolean {
    return this.budget?.admits(symbolId, before, after, tick) ?? true;
  }

  /** Drops places older than the tick's window. Returns how many are left. */
  #expire(symbolId: number, state: number, tick: TickScratch): number {
    const words = this.#words;
    const unit = words[state + DequeWord.UNIT] as number;
    const places = unit === IN_RECORD ? this.#recordDoubles : this.#arenaDoubles;
    const first = this.#firstOf(symbolId, unit);
    const mask = (PLACES_MIN << (words[state + DequeWord.CLASS] as number)) - 1;
    const oldest = tick[TickDouble.OLDEST] as number;
    let head = words[state + DequeWord.HEAD] as number;
    let size = words[state + DequeWord.SIZE] as number;
    while (size > 0 && (places[first + head * PLACE_DOUBLES] as number) < oldest) {
      head = (head + 1) & mask;
      size--;
    }
    words[state + DequeWord.HEAD] = head;
    words[state + DequeWord.SIZE] = size;
    return size;
  }

  #beginInsertion(symbolId: number, state: number): void {
    const words = this.#words;
    const unit = words[state + DequeWord.UNIT] as number;
    this.#insertion.begin(
      unit === IN_RECORD ? this.#recordDoubles : this.#arenaDoubles,
      this.#firstOf(symbolId, unit),
      (PLACES_MIN << (words[state + DequeWord.CLASS] as number)) - 1,
      words[state + DequeWord.HEAD] as number,
      words[state + DequeWord.SIZE] as number,
    );
  }

  /**
   * Writes to `into[at]` the extremum of the ticks with times from `since` on, one of which is the
   * newest. `since` is in memory, at `into[sinceAt]`.
   */
  lookBack(symbolId: number, into: Float64Array, sinceAt: number, at: number): void {
    const words = this.#words;
    const state = symbolId * this.#wordsEach + this.#firstWord;
    const unit = words[state + DequeWord.UNIT] as number;
    const places = unit === IN_RECORD ? this.#recordDoubles : this.#arenaDoubles;
    const first = this.#firstOf(symbolId, unit);
    const mask = (PLACES_MIN << (words[state + DequeWord.CLASS] as number)) - 1;
    const head = words[state + DequeWord.HEAD] as number;
    const since = into[sinceAt] as number;
    let low = 0;
    // A window as long as the deque's is the common case: its front.
    if ((places[first + head * PLACE_DOUBLES] as number) < since) {
      // The first place not before `since`; the last one never is.
      let high = (words[state + DequeWord.SIZE] as number) - 1;
      while (low < high) {
        const middle = (low + high) >> 1;
        const place = first + ((head + middle) & mask) * PLACE_DOUBLES;
        if ((places[place] as number) < since) low = middle + 1;
        else high = middle;
      }
    }
    into[at] = places[first + ((head + low) & mask) * PLACE_DOUBLES + 1] as number;
  }

  /** Prefetches both ends of a deque that outgrew its record. */
  prefetch(symbolId: number): number {
    const words = this.#words;
    const state = symbolId * this.#wordsEach + this.#firstWord;
    const unit = words[state + DequeWord.UNIT] as number;
    if (unit === IN_RECORD) return 0;
    const mask = (PLACES_MIN << (words[state + DequeWord.CLASS] as number)) - 1;
    const head = words[state + DequeWord.HEAD] as number;
    const back = (head + (words[state + DequeWord.SIZE] as number)) & mask;
    const first = unit * UNIT_DOUBLES;
    const places = this.#arena.words;
    return (
      (places[2 * (first + head * PLACE_DOUBLES)] as number) ^
      (places[2 * (first + back * PLACE_DOUBLES)] as number)
    );
  }

  /** Places of the deque. */
  size(symbolId: number): number {
    return this.#words[symbolId * this.#wordsEach + this.#firstWord + DequeWord.SIZE] as number;
  }

  /**
   * Restores the newest places that fit, of a symbol without ticks; the others count as truncated.
   *
   * @param places time and price of each, oldest first
   */
  restore(symbolId: number, places: Float64Array): void {
    const state = symbolId * this.#wordsEach + this.#firstWord;
    const size = this.#reserve(state, places.length / PLACE_DOUBLES);
    const unit = this.#words[state + DequeWord.UNIT] as number;
    const kept = places.subarray(places.length - size * PLACE_DOUBLES);
    const into = unit === IN_RECORD ? this.#recordDoubles : this.#arenaDoubles;
    into.set(kept, this.#firstOf(symbolId, unit));
    this.#words[state + DequeWord.SIZE] = size;
    this.#arena.serves(symbolId);
    this.truncated += (places.length - kept.length) / PLACE_DOUBLES;
  }

  /** Whether the deque has a block of this arena. */
  hasBlock(symbolId: number): boolean {
    const state = symbolId * this.#wordsEach + this.#firstWord;
    if (this.#words[state + DequeWord.UNIT] === IN_RECORD) return false;
    return (this.#words[state + DequeWord.CLASS] as number) >>> OWNER_SHIFT === this.#arena.owner;
  }

  holds(symbolId: number, unit: number): boolean {
    const state = symbolId * this.#wordsEach + this.#firstWord;
    return this.#words[state + DequeWord.UNIT] === unit && this.hasBlock(symbolId);
  }

  /**
   * Gives the block back and keeps the newest place alone. A later tick whose window reaches back
   * to it counts the others as truncated.
   */
  trim(symbolId: number): void {
    const words = this.#words;
    const state = symbolId * this.#wordsEach + this.#firstWord;
    const unit = words[state + DequeWord.UNIT] as number;
    const mask = (PLACES_MIN << (words[state + DequeWord.CLASS] as number)) - 1;
    const size = words[state + DequeWord.SIZE] as number;
    const back = ((words[state + DequeWord.HEAD] as number) + size - 1) & mask;
    const from = unit * UNIT_DOUBLES + back * PLACE_DOUBLES;
    const to = this.#firstOf(symbolId, IN_RECORD);
    this.#recordDoubles[to] = this.#arenaDoubles[from] as number;
    this.#recordDoubles[to + 1] = this.#arenaDoubles[from + 1] as number;
    this.#arena.leave(unit);
    words[state + DequeWord.UNIT] = IN_RECORD;
    words[state + DequeWord.CLASS] = size > 1 ? TRIMMED | ((size - 1) << OWNER_SHIFT) : 0;
    words[state + DequeWord.HEAD] = 0;
    words[state + DequeWord.SIZE] = Math.min(size, 1);
    this.budget?.changed(size, Math.min(size, 1), Number.NaN);
    this.#arena.release(unit);
    this.#arena.settled();
  }

  /** The window reaches back to a trimmed deque. */
  #countTrimmed(state: number): void {
    this.truncated += (this.#words[state + DequeWord.CLASS] as number) >>> OWNER_SHIFT;
    this.#words[state + DequeWord.CLASS] = 0;
  }

  /** Empties a deque that may have been left half moved. It keeps its block. */
  clear(symbolId: number): void {
    const state = symbolId * this.#wordsEach + this.#firstWord;
    if (this.#words[state + DequeWord.UNIT] === IN_RECORD) this.#words[state + DequeWord.CLASS] = 0;
    this.budget?.changed(this.#words[state + DequeWord.SIZE] as number, 0, Number.NaN);
    this.#words[state + DequeWord.HEAD] = 0;
    this.#words[state + DequeWord.SIZE] = 0;
  }

  /** Empties a deque and frees its block. Idempotent, whenever it is broken off. */
  release(symbolId: number): void {
    const state = symbolId * this.#wordsEach + this.#firstWord;
    this.clear(symbolId);
    if (this.#words[state + DequeWord.UNIT] !== IN_RECORD) this.#returnToRecord(state);
    else this.#words[state + DequeWord.CLASS] = 0;
  }

  /** Allocates space for `size` places, or for fewer if memory is short. Returns how many. */
  #reserve(state: number, size: number): number {
    let places = Math.min(size, this.#capacityMax);
    while (places > PLACES_MIN) {
      const sizeClass = sizeClassOf(places);
      const unit = this.#arena.allocate(sizeClass);
      if (unit !== 0) {
        this.#words[state + DequeWord.CLASS] = this.#classWord(sizeClass);
        this.#words[state + DequeWord.UNIT] = unit;
        this.#arena.settled();
        return places;
      }
      places = (PLACES_MIN << sizeClass) / 2;
    }
    return places;
  }

  #firstOf(symbolId: number, unit: number): number {
    if (unit === IN_RECORD) return symbolId * this.#doublesEach + this.#firstDouble;
    return unit * UNIT_DOUBLES;
  }

  /** Frees the block: a symbol that was quiet for a whole window starts small again. */
  #returnToRecord(state: number): void {
    const unit = this.#words[state + DequeWord.UNIT] as number;
    this.#arena.leave(unit);
    this.#words[state + DequeWord.UNIT] = IN_RECORD;
    this.#words[state + DequeWord.CLASS] = 0;
    this.#arena.release(unit);
    this.#arena.settled();
  }

  #classWord(sizeClass: number): number {
    return sizeClass | (this.#arena.owner << OWNER_SHIFT);
  }

  /** Makes the tick the only place of an emptied deque, and its extremum. */
  #startOver(symbolId: number, state: number, tick: TickScratch): void {
    const unit = this.#words[state + DequeWord.UNIT] as number;
    const places = unit === IN_RECORD ? this.#recordDoubles : this.#arenaDoubles;
    const first = this.#firstOf(symbolId, unit);
    places[first] = tick[TickDouble.TIME] as number;
    places[first + 1] = tick[TickDouble.PRICE] as number;
    this.#words[state + DequeWord.HEAD] = 0;
    this.#words[state + DequeWord.SIZE] = 1;
    tick[this.#extremum] = tick[TickDouble.PRICE] as number;
  }

  /** Appends the tick to a deque that is full, or much smaller than its block. */
  #appendResized(symbolId: number, state: number, tick: TickScratch): void {
    const words = this.#words;
    const capacity = PLACES_MIN << (words[state + DequeWord.CLASS] as number);
    const isFull = words[state + DequeWord.SIZE] === capacity;
    if (isFull) this.#makeSpace(symbolId, capacity * 2, tick);
    const hasMoved = this.#tryResize(symbolId, state, isFull ? capacity * 2 : capacity / 2);
    if (isFull && !hasMoved) {
      // The window is at its bound: drop the oldest place, which shortens the window. Every anomaly
      // still reported is real.
      words[state + DequeWord.HEAD] =
        ((words[state + DequeWord.HEAD] as number) + 1) & (capacity - 1);
      words[state + DequeWord.SIZE] = capacity - 1;
      this.truncated++;
    }
    const unit = words[state + DequeWord.UNIT] as number;
    const places = unit === IN_RECORD ? this.#recordDoubles : this.#arenaDoubles;
    const first = this.#firstOf(symbolId, unit);
    const mask = (PLACES_MIN << (words[state + DequeWord.CLASS] as number)) - 1;
    const head = words[state + DequeWord.HEAD] as number;
    const size = words[state + DequeWord.SIZE] as number;
    const place = first + ((head + size) & mask) * PLACE_DOUBLES;
    places[place] = tick[TickDouble.TIME] as number;
    places[place + 1] = tick[TickDouble.PRICE] as number;
    words[state + DequeWord.SIZE] = size + 1;
    tick[this.#extremum] = places[first + head * PLACE_DOUBLES + 1] as number;
  }

  /** Has idle symbols give back blocks if the arena has none for `capacity` places. */
  #makeSpace(symbolId: number, capacity: number, tick: TickScratch): void {
    if (this.reclaimer === undefined || capacity > this.#capacityMax) return;
    const sizeClass = sizeClassOf(capacity);
    if (!this.#arena.hasFree(sizeClass)) this.reclaimer.free(sizeClass, symbolId, tick);
  }

  /**
   * Moves the deque to a block of `capacity` places; false where that is too large or there is
   * none.
   */
  #tryResize(symbolId: number, state: number, capacity: number): boolean {
    if (capacity > this.#capacityMax) return false;
    const sizeClass = sizeClassOf(capacity);
    const words = this.#words;
    let unit = this.#arena.allocate(sizeClass);
    const isGrowing = sizeClass > ((words[state + DequeWord.CLASS] as number) & CLASS_BITS);
    if (unit === 0 && isGrowing && this.budget !== undefined) {
      this.budget.compact();
      unit = this.#arena.allocate(sizeClass);
    }
    if (unit === 0) return false;
    const oldUnit = words[state + DequeWord.UNIT] as number;
    const oldClass = (words[state + DequeWord.CLASS] as number) & CLASS_BITS;
    this.#copy(symbolId, state, unit);
    this.#arena.serves(symbolId);
    this.#arena.leave(oldUnit);
    // The block is never smaller than its class says, so a
    // successor can keep it whenever this thread dies.
    words[state + DequeWord.CLASS] = this.#classWord(Math.min(oldClass, sizeClass));
    words[state + DequeWord.UNIT] = unit;
    words[state + DequeWord.CLASS] = this.#classWord(sizeClass);
    words[state + DequeWord.HEAD] = 0;
    if (oldUnit !== IN_RECORD) this.#arena.release(oldUnit);
    this.#arena.settled();
    return true;
  }

  /** Copies the deque's places, oldest first, to the block at `unit`. */
  #copy(symbolId: number, state: number, unit: number): void {
    const oldUnit = this.#words[state + DequeWord.UNIT] as number;
    const source = oldUnit === IN_RECORD ? this.#recordDoubles : this.#arenaDoubles;
    const from = this.#firstOf(symbolId, oldUnit);
    const mask = (PLACES_MIN << (this.#words[state + DequeWord.CLASS] as number)) - 1;
    const head = this.#words[state + DequeWord.HEAD] as number;
    const size = this.#words[state + DequeWord.SIZE] as number;
    const target = this.#firstOf(symbolId, unit);
    for (let i = 0; i < size; i++) {
      const place = from + ((head + i) & mask) * PLACE_DOUBLES;
      this.#arenaDoubles[target + i * PLACE_DOUBLES] = source[place] as number;
      this.#arenaDoubles[target + i * PLACE_DOUBLES + 1] = source[place + 1] as number;
    }
  }
}
