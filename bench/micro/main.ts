import { existsSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeMachine, formatMachine } from '../../loadgen/machine.ts';
import { ALL_CASES } from './all-cases.ts';
import {
  type Baseline,
  type Comparison,
  compare,
  comparisonTable,
  readBaseline,
  writeBaseline,
} from './baseline.ts';
import type { CaseMaker } from './case.ts';
import { findAllocationSites, measureCase } from './measure-case.ts';

const USAGE = `Micro benchmarks: time and allocation of the parts, against a stored baseline.

  --only PATTERN   cases whose names match this regular expression
  --time-ms N      per case and kind of measurement (500)
  --pairs N        alternations of a case with the one its budget refers to (5)
  --baseline FILE  what to compare with (bench/micro/baseline.json)
  --save           writes the figures there instead of comparing
  --json FILE      writes the comparison there
  --sites          says instead which functions allocate, and how many bytes an operation

Exit status 1: something allocates more than in the baseline, or though it promises not to.`;

const { values: flags } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    'time-ms': { type: 'string', default: '500' },
    pairs: { type: 'string', default: '5' },
    baseline: { type: 'string', default: 'bench/micro/baseline.json' },
    save: { type: 'boolean', default: false },
    json: { type: 'string' },
    sites: { type: 'boolean', default: false },
  },
});
if (flags.help) console.log(USAGE);
else await main();

async function main(): Promise<void> {
  const timeMs = numberOf('time-ms');
  const pairs = numberOf('pairs');
  if (flags.save && flags.only !== '') throw new Error('--save takes all cases: leave out --only');
  if (flags.sites) return showSites(timeMs);
  const machine = describeMachine();
  console.log(formatMachine(machine));
  const baseline =
    flags.save || !existsSync(flags.baseline) ? undefined : readBaseline(flags.baseline);
  if (baseline !== undefined) console.log(`baseline: ${formatMachine(baseline.machine)}`);
  const comparisons = await measureAll(timeMs, pairs, baseline);
  console.log(`\n${comparisonTable(comparisons)}`);
  const stored = comparisons.filter(({ budgetNs }) => budgetNs === undefined);
  const results = stored.map(
    ({ name, medianNs, minNs, calibrationNs, relative, bytes, longestStepMs }) => ({
      name,
      medianNs,
      minNs,
      calibrationNs,
      relative,
      bytes,
      longestStepMs,
    }),
  );
  if (flags.save) writeBaseline(flags.baseline, { machine, timeMs, results });
  if (flags.json !== undefined) {
    writeFileSync(flags.json, `${JSON.stringify({ machine, timeMs, comparisons }, null, 2)}\n`);
  }
  if (comparisons.some(({ failure }) => failure !== undefined)) process.exitCode = 1;
}

function numberOf(flag: 'time-ms' | 'pairs'): number {
  const number = Number(flags[flag]);
  if (number > 0) return number;
  throw new RangeError(`--${flag}: expected a number above 0, got "${flags[flag]}"`);
}

async function showSites(timeMs: number): Promise<void> {
  for (const { name } of chosenCases()) {
    console.log(name);
    for (const { place, bytes } of await findAllocationSites(name, timeMs)) {
      console.log(`${bytes.toFixed(1).padStart(8)}  ${place}`);
    }
  }
}

function chosenCases(): readonly CaseMaker[] {
  const pattern = new RegExp(flags.only);
  return ALL_CASES.filter(({ name }) => pattern.test(name));
}

/** One at a time: parallel cases slow each other down. */
async function measureAll(
  timeMs: number,
  pairs: number,
  baseline: Baseline | undefined,
): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  for (const maker of chosenCases()) {
    const comparison = compare(await measureCase(maker, timeMs, pairs), maker, baseline);
    comparisons.push(comparison);
    if (process.stderr.isTTY) process.stderr.write('.');
  }
  return comparisons;
}
