import { readFile, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { Clock } from '../loadgen/clock.ts';
import { describeMachine } from '../loadgen/machine.ts';
import { INTERRUPTED, onInterrupt, runProgram } from '../loadgen/run-program.ts';
import {
  type BenchOptions,
  chooseContenders,
  chooseWorkloads,
  parseBenchOptions,
} from './bench-options.ts';
import { CONTENDERS } from './contenders/contenders.ts';
import { runIsolation } from './isolation/isolation.ts';
import { formatRegressions, regressions } from './report/comparison.ts';
import { formatMarkdown, spliceReport } from './report/markdown.ts';
import type { Results } from './report/results.ts';
import { runWorkloads } from './runner.ts';
import type { WorkloadGroup } from './workloads/workload.ts';
import { workloadsWith } from './workloads/workloads.ts';

/*
 * npm run bench -- [flags]
 * npm run bench -- isolation [flags]; see isolation/isolation.ts
 *
 * Exit codes: 0 everything ran; 1 something failed, the rest ran; 2 bad usage; 130 interrupted.
 */

async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === 'isolation') return runIsolation(argv.slice(1));
  const options = parseBenchOptions(argv);
  const groups = chooseWorkloads(
    workloadsWith(options.ticks ?? process.env.TICKWIRE_TICKS),
    options.workloads,
    options.quick,
  );
  if (options.list) {
    list(groups);
    return 0;
  }
  // Read first: a run takes half an hour.
  const stored = options.against === undefined ? undefined : await readResults(options.against);
  const interrupt = new AbortController();
  onInterrupt(() => interrupt.abort());
  const command = ['npm run bench --', ...argv].join(' ');
  const results = await run(options, groups, command, interrupt.signal);
  const report = formatMarkdown(results, groups);
  process.stdout.write(`${report}\n`);
  await write(options, results, report);
  if (stored !== undefined) {
    const worse = regressions(groups, stored, results);
    process.stdout.write(`\n${formatRegressions(worse, options.against ?? '')}\n`);
  }
  if (interrupt.signal.aborted) return INTERRUPTED;
  return results.failures.length === 0 ? 0 : 1;
}

async function run(
  options: BenchOptions,
  groups: readonly WorkloadGroup[],
  command: string,
  signal: AbortSignal,
): Promise<Results> {
  const { rounds, seconds } = options;
  const startedAt = new Date().toISOString();
  const loadBefore = loadavg();
  const result = await runWorkloads({
    groups,
    contenders: CONTENDERS,
    keys: chooseContenders(groups, options.contenders),
    rounds,
    seconds,
    clock: new Clock(),
    signal,
    progress: (line) => process.stderr.write(`${line}\n`),
  });
  return {
    command,
    machine: describeMachine(),
    startedAt,
    endedAt: new Date().toISOString(),
    loadBefore,
    loadAfter: loadavg(),
    rounds,
    seconds,
    ...result,
  };
}

/** @throws RangeError for a file that is not one of `--out` */
async function readResults(file: string): Promise<Results> {
  try {
    const results = JSON.parse(await readFile(file, 'utf8')) as Results;
    if (Array.isArray(results.workloads)) return results;
  } catch (error) {
    throw new RangeError(`${file} cannot be read: ${(error as Error).message}`);
  }
  throw new RangeError(`${file} holds no results of a run: write them with --out`);
}

async function write(options: BenchOptions, results: Results, report: string): Promise<void> {
  const { out, markdown } = options;
  if (out !== undefined) await writeFile(out, `${JSON.stringify(results, undefined, 2)}\n`);
  if (markdown === undefined) return;
  const document = await readFile(markdown, 'utf8').catch(() => undefined);
  await writeFile(markdown, spliceReport(document, report));
}

function list(groups: readonly WorkloadGroup[]): void {
  for (const { name, workloads } of groups) {
    console.log(name);
    for (const workload of workloads) {
      console.log(`  ${workload.name.padEnd(36)} ${workload.contenders.join(', ')}`);
    }
  }
  console.log('contenders');
  for (const [key, { name, description }] of Object.entries(CONTENDERS)) {
    console.log(`  ${key.padEnd(20)} ${name}: ${description}`);
  }
}

await runProgram(main, RangeError);
