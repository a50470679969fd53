import { expect, it } from 'vitest';
import {
  createPlaceArena,
  PLACE_DOUBLES,
  PLACES_MIN,
  PlaceArena,
  sizeClassOf,
  UNIT_DOUBLES,
} from '../../src/engine/memory/place-arena.ts';
import { fc } from '../../testkit/fast-check.ts';

type Step = { allocate: number } | { release: number };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ allocate: fc.nat({ max: 5 }) }) },
  { weight: 5, arbitrary: fc.record({ release: fc.nat() }) },
);

interface Block {
  readonly unit: number;
  readonly sizeClass: number;
  readonly mark: number;
}

/** An arena whose blocks carry a unique mark, checked on release. */
class MarkedArena {
  readonly blocks: Block[] = [];
  readonly #arena: PlaceArena;
  #marks = 0;

  constructor(growUnits: number) {
    this.#arena = new PlaceArena(createPlaceArena(growUnits * 64));
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
    this.#arena.release(block.unit, block.sizeClass);
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

it('hands out blocks that never share a byte', () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 120 }), fc.nat({ max: 100 }), (steps, growUnits) => {
      const arena = new MarkedArena(growUnits);
      for (const step of steps) {
        if ('allocate' in step) arena.allocate(step.allocate);
        else if (arena.blocks.length > 0) arena.release(step.release % arena.blocks.length);
      }
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
