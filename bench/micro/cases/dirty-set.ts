import { createDirtySet, DirtySet } from '../../../src/engine/memory/dirty-set.ts';
import type { Case, CaseMaker } from '../case.ts';
import { TickStream } from '../tick-stream.ts';

const SYMBOLS = 10_000;
const MARKS = 512;

export const dirtySetCases: readonly CaseMaker[] = [
  {
    name: `dirty set: mark a symbol and take it, ${SYMBOLS} symbols`,
    allocatesNothing: true,
    make: makeDirtySet,
  },
];

function makeDirtySet(): Case {
  const set = new DirtySet(createDirtySet(SYMBOLS), SYMBOLS);
  const { symbolIds } = new TickStream(MARKS, SYMBOLS, 100);
  const taken = new Int32Array(16_384);
  const different = new Set(symbolIds).size;
  let wrong = 0;
  const run = () => {
    set.markAll(symbolIds, 0, MARKS);
    if (set.take(taken) !== different) wrong++;
  };
  const finish = async () => {
    if (wrong > 0) throw new Error(`${wrong} runs did not take what was marked`);
  };
  return { operations: MARKS, run, finish };
}
