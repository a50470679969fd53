import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { AllocationSite } from './allocation-sites.ts';
import type { CaseMaker } from './case.ts';
import type { Timing } from './measure-time.ts';

const run = promisify(execFile);

/** For `measureAllocation`. Time is measured without these flags, as the server runs. */
const ALLOCATION_FLAGS = [
  '--expose-gc',
  '--min-semi-space-size=128',
  '--max-semi-space-size=256',
  '--no-concurrent-recompilation',
];

/** A case's figures, an operation. */
export interface Measurement extends Timing {
  readonly name: string;
  readonly bytes: number;
  /** Only of cases that measure it. */
  readonly longestStepMs?: number | undefined;
  /** What it takes more than the case of its budget, ns; undefined: it has none. */
  readonly moreNs?: number | undefined;
}

type TimeFound = Timing & Pick<Measurement, 'longestStepMs'>;

/**
 * Measures a case for `timeMs` a kind of measurement, each in its own process.
 *
 * @param pairs with the case of its budget
 */
export async function measureCase(
  { budget, name }: Pick<CaseMaker, 'budget' | 'name'>,
  timeMs: number,
  pairs: number,
): Promise<Measurement> {
  const timing = (await measure(name, 'time', timeMs, [])) as TimeFound;
  const bytes = (await measure(name, 'allocation', timeMs, ALLOCATION_FLAGS)) as number;
  const moreNs = budget && (await measureMore(name, budget.beside, timeMs, pairs));
  return { name, ...timing, bytes, moreNs };
}

/**
 * What a case takes more than another: the median of pairs, as a machine's speed changes by more
 * than a budget from one moment to the next.
 */
async function measureMore(
  name: string,
  beside: string,
  timeMs: number,
  pairs: number,
): Promise<number> {
  const differences: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const other = (await measure(beside, 'time', timeMs, [])) as TimeFound;
    const own = (await measure(name, 'time', timeMs, [])) as TimeFound;
    differences.push(own.minNs - other.minNs);
  }
  return differences.toSorted((a, b) => a - b)[pairs >> 1] as number;
}

/** Functions that allocate in a case, most first. */
export async function findAllocationSites(
  name: string,
  timeMs: number,
): Promise<readonly AllocationSite[]> {
  const flags = ['--no-concurrent-recompilation'];
  return (await measure(name, 'sites', timeMs, flags)) as readonly AllocationSite[];
}

async function measure(
  name: string,
  what: 'time' | 'allocation' | 'sites',
  timeMs: number,
  flags: readonly string[],
): Promise<unknown> {
  const extension = import.meta.url.slice(-3);
  const program = fileURLToPath(new URL(`./case-process${extension}`, import.meta.url));
  const args = [...process.execArgv, ...flags, program, name, what, String(timeMs)];
  const { stdout } = await run(process.execPath, args);
  return JSON.parse(stdout);
}
