import { float64s, int32s, sharedMemory, uint8s } from '../../threads/shared-memory.ts';
import { assertRange } from '../assert.ts';

/*
 * Where a partition's deques keep their places (time and price of a tick) once they outgrow the
 * symbol's record: blocks of 4, 8, 16 … places in one piece of shared memory. Used by the
 * partition's worker only, so nothing is atomic; others read USED.
 *
 *   header   words, see Word below
 *   units    PLACES_MIN places each, 64 bytes; a block is 2^class units, at a multiple of its size
 *   tiling   a byte a unit: at the first unit of a block, its class + 1, and IN_USE unless it is
 *            free; stale or 0 elsewhere
 *   place    ┌ time float64 ┬ price float64 ┐
 *
 * A deque with `size` places keeps them in a ring of PLACES_MIN · 2^class, from `head` on:
 *
 *   unit 0     in the symbol's record; the arena never hands this unit out
 *   else       in the block at `unit`
 *
 * A buddy system: a block is split in halves until it fits, and joined with its other half as soon
 * as both are free. Free blocks of a class are a list, through their first two words.
 *
 * Whenever the worker dies, the tiling is whole: each change is the store of one byte. BUSY is set
 * while the lists may differ from it; a successor then builds them anew. TAKEN and LEFT name the
 * blocks that a deque is about to take and has left, so that a successor gives back what no deque
 * holds.
 *
 * The system backs pages with memory when they are first written, so a large arena costs address
 * space only.
 */
const Word = {
  BUSY: 0,
  TAKEN: 1,
  LEFT: 2,
  /** The symbol whose blocks are being reclaimed, + 1; 0: none. See `idle-windows.ts`. */
  RECLAIMING: 3,
  /** Units of blocks in use. */
  USED: 4,
  UNITS: 5,
  /** Number of the partition, from 1: deques are marked with it. */
  OWNER: 6,
  /** Symbols that ever had a block have ids below. */
  SYMBOLS: 7,
  /** Places that all deques may have beyond their records; 0: as many as fit. */
  PLACES_MAX: 8,
  /** Bit c is set: there is a free block of class c. */
  NONEMPTY: 9,
  /** First unit of a free block, by class. */
  FREE: 16,
} as const;
const HEADER_UNITS = 3;
const UNIT_BYTES = 64;
const UNIT_WORDS = UNIT_BYTES / 4;
const IN_USE = 0x80;
/** Links of a free block. */
const NEXT = 0;
const PREVIOUS = 1;

/** Doubles of a unit. */
export const UNIT_DOUBLES = UNIT_BYTES / 8;
/** Places of a unit, and of a deque in its record. */
export const PLACES_MIN = 4;
/** Doubles of a place: its time and its price. */
export const PLACE_DOUBLES = 2;
export const PLACE_BYTES = PLACE_DOUBLES * 8;

/**
 * The class of the smallest block that holds `places`: a block of class c holds PLACES_MIN · 2^c.
 */
export function sizeClassOf(places: number): number {
  return Math.max(0, Math.ceil(Math.log2(places / PLACES_MIN)));
}

/** Bytes of an arena with `growBytes` of blocks. */
export function placeArenaBytes(growBytes: number): number {
  const units = Math.ceil(growBytes / UNIT_BYTES);
  return (HEADER_UNITS + units) * UNIT_BYTES + Math.ceil(units / 8) * 8;
}

/** Bytes for any deques that have so many places together. See `window-budget.ts`. */
export function bytesForPlaces(places: number): number {
  // Ring sizes at most double them; a deque that grows has two blocks; and as much again to spare.
  return 4 * 2 ** Math.ceil(Math.log2(places * PLACE_BYTES));
}

/**
 * Shared memory for `growBytes` of blocks of partition number `owner`, from 1.
 *
 * @param placesMax places that all deques may have beyond their records; 0: as many as fit
 */
export function createPlaceArena(growBytes: number, owner = 1, placesMax = 0): SharedArrayBuffer {
  const units = Math.ceil(growBytes / UNIT_BYTES);
  const memory = sharedMemory(placeArenaBytes(growBytes));
  const words = int32s(memory);
  const tiling = uint8s(memory, (HEADER_UNITS + units) * UNIT_BYTES, units);
  words[Word.UNITS] = units;
  words[Word.OWNER] = owner;
  words[Word.PLACES_MAX] = placesMax;
  words[Word.BUSY] = 1;
  for (let at = 0; at < units; ) {
    const sizeClass = 31 - Math.clz32(units - at);
    tiling[at] = sizeClass + 1;
    at += 2 ** sizeClass;
  }
  return memory;
}

/** Bytes of an arena's blocks in use. Any thread. */
export function usedPlaceBytes(words: Int32Array): number {
  return (words[Word.USED] as number) * UNIT_BYTES;
}

/** Allocates blocks of places. One thread only; makes no objects. */
export class PlaceArena {
  /** Place i of the block at `unit` is at unit · UNIT_DOUBLES + i · PLACE_DOUBLES. */
  readonly doubles: Float64Array;
  /** The same memory as words. */
  readonly words: Int32Array;
  /** Number of the partition, from 1. */
  readonly owner: number;
  readonly #tiling: Uint8Array;
  readonly #units: number;

  /** Takes the arena over, from a worker that may have died at any point. */
  constructor(memory: SharedArrayBuffer) {
    this.doubles = float64s(memory);
    this.words = int32s(memory);
    this.#units = this.words[Word.UNITS] as number;
    this.owner = this.words[Word.OWNER] as number;
    const tilingFrom = (HEADER_UNITS + this.#units) * UNIT_BYTES;
    this.#tiling = uint8s(memory, tilingFrom, this.#units);
    if (this.words[Word.BUSY] !== 0) this.#rebuild();
  }

  /** Places that all deques may have beyond their records; 0: as many as fit. */
  get placesMax(): number {
    return this.words[Word.PLACES_MAX] as number;
  }

  /** Whether a block of the class can be allocated. */
  hasFree(sizeClass: number): boolean {
    return ((this.words[Word.NONEMPTY] as number) & (-1 << sizeClass)) !== 0;
  }

  /**
   * Returns the unit of a block of the class, with undefined content; 0 if there is none. The
   * caller stores it and calls {@link settled}.
   */
  allocate(sizeClass: number): number {
    const { words } = this;
    const larger = (words[Word.NONEMPTY] as number) & (-1 << sizeClass);
    if (larger === 0) return 0;
    words[Word.BUSY] = 1;
    let half = 31 - Math.clz32(larger & -larger);
    const unit = words[Word.FREE + half] as number;
    assertRange('unit of a free block', unit, HEADER_UNITS, HEADER_UNITS + this.#units - 2 ** half);
    this.#unlink(unit, half);
    while (half > sizeClass) {
      half--;
      this.#tiling[unit + 2 ** half - HEADER_UNITS] = half + 1;
      this.#tiling[unit - HEADER_UNITS] = half + 1;
      this.#link(unit + 2 ** half, half);
    }
    words[Word.TAKEN] = unit;
    this.#tiling[unit - HEADER_UNITS] = IN_USE | (sizeClass + 1);
    words[Word.USED] = (words[Word.USED] as number) + 2 ** sizeClass;
    words[Word.BUSY] = 0;
    return unit;
  }

  /** A deque is about to let go of its block. {@link release} and {@link settled} follow. */
  leave(unit: number): void {
    this.words[Word.LEFT] = unit;
  }

  /** Frees the block at `unit`, which no deque holds, and joins it with its other half. */
  release(unit: number): void {
    const { words } = this;
    let at = unit - HEADER_UNITS;
    let sizeClass = ((this.#tiling[at] ?? 0) ^ IN_USE) - 1;
    assertRange('class of a block in use', sizeClass, 0, 30);
    words[Word.BUSY] = 1;
    this.#tiling[at] = sizeClass + 1;
    words[Word.USED] = (words[Word.USED] as number) - 2 ** sizeClass;
    for (;;) {
      const other = at ^ (2 ** sizeClass);
      const isWhole = other + 2 ** sizeClass <= this.#units;
      if (!isWhole || this.#tiling[other] !== sizeClass + 1) break;
      this.#unlink(HEADER_UNITS + other, sizeClass);
      at = Math.min(at, other);
      sizeClass++;
      this.#tiling[at] = sizeClass + 1;
    }
    this.#link(HEADER_UNITS + at, sizeClass);
    words[Word.BUSY] = 0;
  }

  /** Every block in use is held by a deque. */
  settled(): void {
    this.words[Word.TAKEN] = 0;
    this.words[Word.LEFT] = 0;
  }

  /**
   * For the successor of a worker that died: releases the blocks that it was taking or leaving.
   *
   * @param isHeld whether a deque holds the block at a unit
   */
  settleWith(isHeld: (unit: number) => boolean): void {
    for (const pending of [Word.TAKEN, Word.LEFT]) {
      const unit = this.words[pending] as number;
      const isInUse = ((this.#tiling[unit - HEADER_UNITS] ?? 0) & IN_USE) !== 0;
      if (isInUse && !isHeld(unit)) this.release(unit);
      this.words[pending] = 0;
    }
  }

  /** The symbol whose blocks are being reclaimed, or were when a worker died; -1: none. */
  get reclaiming(): number {
    return (this.words[Word.RECLAIMING] as number) - 1;
  }

  set reclaiming(symbolId: number) {
    this.words[Word.RECLAIMING] = symbolId + 1;
  }

  /** Symbols that ever had a block have ids below. */
  get symbols(): number {
    return this.words[Word.SYMBOLS] as number;
  }

  /** A symbol is given a block. */
  serves(symbolId: number): void {
    if (symbolId >= this.symbols) this.words[Word.SYMBOLS] = symbolId + 1;
  }

  /** Builds the lists anew from the tiling, and joins halves that are both free. */
  #rebuild(): void {
    const { words } = this;
    words.fill(0, Word.NONEMPTY, HEADER_UNITS * UNIT_WORDS);
    let used = 0;
    for (let from = 0; from < this.#units; ) {
      const tile = this.#tiling[from] as number;
      let sizeClass = (tile & ~IN_USE) - 1;
      assertRange('class of a block', sizeClass, 0, 30);
      let at = from;
      from += 2 ** sizeClass;
      if ((tile & IN_USE) !== 0) {
        used += 2 ** sizeClass;
        continue;
      }
      // Halves on the right are joined when it is their turn.
      while ((at & (2 ** sizeClass)) !== 0) {
        const left = at - 2 ** sizeClass;
        if (this.#tiling[left] !== sizeClass + 1) break;
        this.#unlink(HEADER_UNITS + left, sizeClass);
        at = left;
        sizeClass++;
        this.#tiling[at] = sizeClass + 1;
      }
      this.#link(HEADER_UNITS + at, sizeClass);
    }
    words[Word.USED] = used;
    words[Word.BUSY] = 0;
  }

  #link(unit: number, sizeClass: number): void {
    const { words } = this;
    const next = words[Word.FREE + sizeClass] as number;
    words[unit * UNIT_WORDS + NEXT] = next;
    words[unit * UNIT_WORDS + PREVIOUS] = 0;
    if (next !== 0) words[next * UNIT_WORDS + PREVIOUS] = unit;
    words[Word.FREE + sizeClass] = unit;
    words[Word.NONEMPTY] = (words[Word.NONEMPTY] as number) | (1 << sizeClass);
  }

  #unlink(unit: number, sizeClass: number): void {
    const { words } = this;
    const next = words[unit * UNIT_WORDS + NEXT] as number;
    const previous = words[unit * UNIT_WORDS + PREVIOUS] as number;
    if (next !== 0) words[next * UNIT_WORDS + PREVIOUS] = previous;
    if (previous !== 0) words[previous * UNIT_WORDS + NEXT] = next;
    else words[Word.FREE + sizeClass] = next;
    if (words[Word.FREE + sizeClass] !== 0) return;
    words[Word.NONEMPTY] = (words[Word.NONEMPTY] as number) & ~(1 << sizeClass);
  }
}
