import { expect, it } from 'vitest';
import { createDirtySet, DirtySet } from '../../src/engine/memory/dirty-set.ts';
import { fc } from '../../testkit/fast-check.ts';

const SYMBOLS = 2100;

const SYMBOL = fc.oneof(
  fc.nat({ max: SYMBOLS - 1 }),
  fc.constantFrom(0, 31, 32, 1023, 1024, 1055, 2047, 2048, SYMBOLS - 1),
);
const STEP = fc.oneof(
  { weight: 5, arbitrary: fc.record({ mark: fc.array(SYMBOL, { maxLength: 40 }) }) },
  { weight: 2, arbitrary: fc.record({ room: fc.integer({ min: 32, max: 200 }) }) },
  { weight: 1, arbitrary: fc.constant('announce' as const) },
);

it('gives each marked symbol once, in as many takes as it needs', () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 60 }), (steps) => {
      const set = new DirtySet(createDirtySet(SYMBOLS), SYMBOLS);
      const model = new Set<number>();
      const take = (room: number) => {
        const into = new Int32Array(room).fill(-1);
        const count = set.take(into);
        expect(count).toBeLessThanOrEqual(room);
        // A take ends early only without room for a whole word.
        if (count + 32 <= room) expect(model.size).toBe(count);
        for (const symbolId of into.subarray(0, count)) {
          expect(model.delete(symbolId), `${symbolId} was marked`).toBe(true);
        }
      };
      for (const step of steps) {
        if (step === 'announce') {
          set.markWritten((symbolId) => symbolId % 700 === 3);
          for (let symbolId = 3; symbolId < SYMBOLS; symbolId += 700) model.add(symbolId);
        } else if ('mark' in step) {
          set.markAll(Int32Array.of(-1, ...step.mark, -1), 1, step.mark.length + 1);
          for (const symbolId of step.mark) model.add(symbolId);
        } else {
          take(step.room);
        }
        if (model.size > 0) expect(set.isEmpty()).toBe(false);
      }
      take(SYMBOLS + 32);
      expect(model.size).toBe(0);
      take(32);
      expect(set.isEmpty()).toBe(true);
    }),
    { numRuns: 150 },
  );
});

it.each([1, 31, 32, 33, 1024, 1025])('holds exactly the symbols of a set for %i', (symbols) => {
  const set = new DirtySet(createDirtySet(symbols), symbols);
  set.markAll(
    Int32Array.from({ length: symbols }, (_, i) => i),
    0,
    symbols,
  );
  const into = new Int32Array(symbols + 32);
  expect(set.take(into)).toBe(symbols);
  const taken = [...into.subarray(0, symbols)].sort((a, b) => a - b);
  expect(taken).toEqual(Array.from({ length: symbols }, (_, i) => i));
});

it('a successor announces what was marked and not announced, wherever it is', () => {
  const memory = createDirtySet(SYMBOLS);
  // Words of 32 symbols ahead of their summary: the worker died in between.
  const words = Math.ceil(SYMBOLS / 32);
  new Int32Array(memory).fill(1, Math.ceil(words / 32));
  const set = new DirtySet(memory, SYMBOLS);
  expect(set.isEmpty()).toBe(true);
  set.markWritten(() => false);
  const into = new Int32Array(SYMBOLS + 32);
  const taken = into.subarray(0, set.take(into));
  expect([...taken]).toEqual(Array.from({ length: words }, (_, word) => 32 * word));
});
