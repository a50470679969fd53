import { ALL_CASES } from './all-cases.ts';
import { allocationSites } from './allocation-sites.ts';
import type { Case } from './case.ts';
import { measureAllocation } from './measure-allocation.ts';
import { measureTime } from './measure-time.ts';

/**
 * Measures one thing of one case and prints JSON. Each in its own process: how the compiler
 * optimizes a function depends on what ran before.
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
