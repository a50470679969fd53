import type { PlaceArena } from './memory/place-arena.ts';
import { PLACE_DOUBLES, PLACES_MIN, sizeClassOf } from './memory/place-arena.ts';
import { DequeWord, MAXIMA, MINIMA, STATE_WORDS } from './memory/symbol-state.ts';
import { type TickAtWork, TickDouble } from './tick-at-work.ts';

/** A deque this much smaller than its block moves to a smaller one. */
const SHRINK_AT = 8;
/** No block shrinks below this many places: small ones come and go too often to pay. */
const SHRINK_ABOVE_PLACES = 64;

/**
 * The extremum of a symbol's ticks inside the window: a monotonic deque (its front is the extremum; a tick removes the
 * places behind it that it outdoes for good). Amortized O(1) a tick. One thread only; nothing allocates.
 *
 * Ticks of one time need one place at most, so whole-millisecond times never take more than window + 1 places.
 */
export class MonotonicDeque {
  /** Places given up because a deque could not grow. */
  truncated = 0;
  readonly #states: Int32Array;
  readonly #arena: PlaceArena;
  readonly #firstWord: number;
  /** 1 for minima, -1 for maxima: a place is outdone when sign × its price is not below sign × the tick's. */
  readonly #sign: number;
  readonly #capacityMax: number;

  constructor(
    states: SharedArrayBuffer,
    arena: PlaceArena,
    extremum: 'minimum' | 'maximum',
    capacityMax: number,
  ) {
    this.#states = new Int32Array(states);
    this.#arena = arena;
    this.#firstWord = extremum === 'minimum' ? MINIMA : MAXIMA;
    this.#sign = extremum === 'minimum' ? 1 : -1;
    this.#capacityMax = Math.max(PLACES_MIN, capacityMax);
  }

  /**
   * Takes in a tick, its time not below the times before it, and lets go of places older than its window.
   *
   * @returns where the extremum of the tick's window stands: the index of its price among the arena's doubles
   */
  push(symbolId: number, tick: TickAtWork): number {
    const state = symbolId * STATE_WORDS + this.#firstWord;
    const words = this.#states;
    if (words[state + DequeWord.UNIT] === 0) this.#start(state);
    const places = this.#arena.doubles;
    const first = this.#arena.firstDouble(words[state + DequeWord.UNIT] as number);
    const mask = this.#capacity(state) - 1;
    let head = words[state + DequeWord.HEAD] as number;
    let size = words[state + DequeWord.SIZE] as number;
    const oldest = tick[TickDouble.OLDEST] as number;
    while (size > 0 && (places[first + head * PLACE_DOUBLES] as number) < oldest) {
      head = (head + 1) & mask;
      size--;
    }
    const bar = this.#sign * (tick[TickDouble.PRICE] as number);
    let back = first + ((head + size - 1) & mask) * PLACE_DOUBLES;
    while (size > 0 && this.#sign * (places[back + 1] as number) >= bar) {
      size--;
      back = first + ((head + size - 1) & mask) * PLACE_DOUBLES;
    }
    words[state + DequeWord.HEAD] = head;
    words[state + DequeWord.SIZE] = size;
    // A place of this very time that outdoes the tick leaves the window together with it: the tick needs none.
    if (size === 0 || places[back] !== tick[TickDouble.TIME]) this.#append(state, tick);
    return this.#placeAt(state, 0) + 1;
  }

  /** Forgets every place of a symbol whose deque may have been left half moved. It keeps its block. */
  clear(symbolId: number): void {
    const state = symbolId * STATE_WORDS + this.#firstWord;
    this.#states[state + DequeWord.HEAD] = 0;
    this.#states[state + DequeWord.SIZE] = 0;
  }

  #start(state: number): void {
    this.#states[state + DequeWord.UNIT] = this.#arena.allocateFirst();
    this.#arena.countStarted();
  }

  #capacity(state: number): number {
    return PLACES_MIN << (this.#states[state + DequeWord.CLASS] as number);
  }

  /** Where the place `index` behind the front stands among the arena's doubles. */
  #placeAt(state: number, index: number): number {
    const head = this.#states[state + DequeWord.HEAD] as number;
    const place = (head + index) & (this.#capacity(state) - 1);
    const unit = this.#states[state + DequeWord.UNIT] as number;
    return this.#arena.firstDouble(unit) + place * PLACE_DOUBLES;
  }

  #dropFront(state: number): void {
    const head = this.#states[state + DequeWord.HEAD] as number;
    this.#states[state + DequeWord.HEAD] = (head + 1) & (this.#capacity(state) - 1);
    this.#states[state + DequeWord.SIZE] = (this.#states[state + DequeWord.SIZE] as number) - 1;
  }

  #append(state: number, tick: TickAtWork): void {
    const size = this.#states[state + DequeWord.SIZE] as number;
    const capacity = this.#capacity(state);
    if (size === capacity && !this.#tryResize(state, capacity * 2)) {
      // The bound: the oldest place goes, and with it a part of the window. Every move still reported really happened.
      this.#dropFront(state);
      this.truncated++;
    } else if (capacity > SHRINK_ABOVE_PLACES && size * SHRINK_AT < capacity) {
      this.#tryResize(state, capacity / 2);
    }
    const newSize = (this.#states[state + DequeWord.SIZE] as number) + 1;
    const place = this.#placeAt(state, newSize - 1);
    this.#arena.doubles[place] = tick[TickDouble.TIME] as number;
    this.#arena.doubles[place + 1] = tick[TickDouble.PRICE] as number;
    this.#states[state + DequeWord.SIZE] = newSize;
  }

  /** Moves the deque to a block of `capacity` places; false when it may not or there is none. */
  #tryResize(state: number, capacity: number): boolean {
    if (capacity > this.#capacityMax) return false;
    const sizeClass = sizeClassOf(capacity);
    const unit = this.#arena.allocate(sizeClass);
    if (unit === 0) return false;
    const { doubles } = this.#arena;
    const size = this.#states[state + DequeWord.SIZE] as number;
    const target = this.#arena.firstDouble(unit);
    for (let i = 0; i < size; i++) {
      const place = this.#placeAt(state, i);
      doubles[target + i * PLACE_DOUBLES] = doubles[place] as number;
      doubles[target + i * PLACE_DOUBLES + 1] = doubles[place + 1] as number;
    }
    const oldUnit = this.#states[state + DequeWord.UNIT] as number;
    const oldClass = this.#states[state + DequeWord.CLASS] as number;
    // The block is never smaller than the class says, so that it can be kept whenever this thread dies.
    this.#states[state + DequeWord.CLASS] = Math.min(oldClass, sizeClass);
    this.#states[state + DequeWord.UNIT] = unit;
    this.#states[state + DequeWord.CLASS] = sizeClass;
    this.#states[state + DequeWord.HEAD] = 0;
    this.#arena.release(oldUnit, oldClass);
    return true;
  }
}
