import { ALL_CASES } from './all-cases.ts';
import { allocationSites } from './allocation-sites.ts';
import type { Case } from './case.ts';
import { measureAllocation } from './measure-allocation.ts';
import { measureTime } from './measure-time.ts';

/*
 * A program that measures one thing of one case and prints what it found as JSON. A process for
 * each: what the compiler makes of a function depends on all that ran before.
 */
const MEASUREMENTS: Readonly<Record<string, (measured: Case, timeMs: number) => unknown>> = {
  time: async (measured, timeMs) => ({
    ...measureTime(measured, timeMs),
    longestStepMs: await measured.longestStepMs?.(),
  }),
  allocation: measureAllocation,
  sites: allocationSites,
};

const [name = '', what = '', timeMs] = process.argv.slice(2);
const maker = ALL_CASES.find((candidate) => candidate.name === name);
const measurement = MEASUREMENTS[what];
if (maker === undefined) throw new Error(`there is no case "${name}"`);
if (measurement === undefined) throw new Error(`there is no measurement "${what}"`);
const made = await maker.make();
const found = await measurement(made, Number(timeMs));
await made.finish?.();
console.log(JSON.stringify(found));
