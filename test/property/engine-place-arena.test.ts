import { expect, it } from 'vitest';
import {
  createPlaceArena,
  PLACE_DOUBLES,
  PLACES_MIN,
  PlaceArena,
  sizeClassOf,
  UNIT_DOUBLES,
  usedPlaceBytes,
} from '../../src/engine/memory/place-arena.ts';
import { fc } from '../../testkit/fast-check.ts';

type Step = { allocate: number } | { release: number } | 'take over';

const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ allocate: fc.nat({ max: 5 }) }) },
  { weight: 5, arbitrary: fc.record({ release: fc.nat() }) },
  { weight: 1, arbitrary: fc.constant('take over' as const) },
);

interface Block {
  readonly unit: number;
  readonly sizeClass: number;
  readonly mark: number;
}

/** An arena whose blocks carry a unique mark, checked on release. */
class MarkedArena {
  readonly blocks: Block[] = [];
  readonly #memory: SharedArrayBuffer;
  #arena: PlaceArena;
  #marks = 0;

  constructor(growUnits: number) {
    this.#memory = createPlaceArena(growUnits * 64);
    this.#arena = new PlaceArena(this.#memory);
  }

  get usedBytes(): number {
    return usedPlaceBytes(this.#arena.words);
  }

  /** As if the worker died in the midst of a change: the lists are built anew. */
  takeOver(): void {
    const BUSY = 0;
    this.#arena.words[BUSY] = 1;
    this.#arena = new PlaceArena(this.#memory);
  }

  releaseAll(): void {
    while (this.blocks.length > 0) this.release(this.blocks.length - 1);
  }

  allocate(sizeClass: number): boolean {
    const unit = this.#arena.allocate(sizeClass);
    if (unit !== 0) this.#hold(unit, sizeClass);
    return unit !== 0;
  }

  release(index: number): void {
    const [block] = this.blocks.splice(index, 1);
    if (block === undefined) return;
    this.#check(block);
    this.#arena.release(block.unit);
  }

  checkAll(): void {
    for (const block of this.blocks) this.#check(block);
  }

  #hold(unit: number, sizeClass: number): void {
    const block = { unit, sizeClass, mark: ++this.#marks };
    this.blocks.push(block);
    const { start, end } = this.#range(block);
    expect(end).toBeLessThanOrEqual(this.#arena.doubles.length);
    this.#arena.doubles.fill(block.mark, start, end);
  }

  #check(block: Block): void {
    const { start, end } = this.#range(block);
    const content = this.#arena.doubles.subarray(start, end);
    expect(content.every((value) => value === block.mark)).toBe(true);
  }

  #range({ unit, sizeClass }: Block): { start: number; end: number } {
    const start = unit * UNIT_DOUBLES;
    return { start, end: start + PLACES_MIN * 2 ** sizeClass * PLACE_DOUBLES };
  }
}

/** The largest class whose blocks fit in so many units. */
const largestIn = (units: number) => Math.floor(Math.log2(units));

it('hands out blocks that never share a byte, and is whole again once all are back', () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 120 }), fc.nat({ max: 100 }), (steps, growUnits) => {
      const arena = new MarkedArena(growUnits);
      for (const step of steps) {
        if (step === 'take over') arena.takeOver();
        else if ('allocate' in step) arena.allocate(step.allocate);
        else if (arena.blocks.length > 0) arena.release(step.release % arena.blocks.length);
        const units = arena.blocks.reduce((sum, { sizeClass }) => sum + 2 ** sizeClass, 0);
        expect(arena.usedBytes).toBe(units * 64);
      }
      arena.checkAll();
      arena.releaseAll();
      // As cut at first: one block for each bit of the number of units.
      for (let left = growUnits; left > 0; left -= 2 ** largestIn(left)) {
        expect(arena.allocate(largestIn(left))).toBe(true);
      }
      expect(arena.usedBytes).toBe(growUnits * 64);
      expect(arena.allocate(0)).toBe(false);
      arena.checkAll();
    }),
    { numRuns: 400 },
  );
});

it('splits a larger block when nothing else is left, and uses all of it', () => {
  const arena = new MarkedArena(32);
  expect(arena.allocate(5)).toBe(true);
  expect(arena.allocate(0)).toBe(false);
  arena.release(0);
  for (let i = 0; i < 32; i++) expect(arena.allocate(0)).toBe(true);
  expect(arena.allocate(0)).toBe(false);
  arena.checkAll();
});

it('holds as many places as the class says', () => {
  for (let sizeClass = 0; sizeClass < 24; sizeClass++) {
    const places = PLACES_MIN * 2 ** sizeClass;
    expect(sizeClassOf(places)).toBe(sizeClass);
    expect(sizeClassOf(places + 1)).toBe(sizeClass + 1);
  }
  expect(sizeClassOf(1)).toBe(0);
});

it('has room for a large block after it was in pieces, and at most half of it is in use', () => {
  const arena = new MarkedArena(1024);
  for (let i = 0; i < 1024; i++) expect(arena.allocate(0)).toBe(true);
  expect(arena.allocate(5)).toBe(false);
  for (let i = 1023; i >= 0; i -= 1) if (i % 64 < 32) arena.release(i);
  for (let i = 0; i < 16; i++) expect(arena.allocate(5), `block ${i}`).toBe(true);
  expect(arena.allocate(0)).toBe(false);
  arena.checkAll();
});
