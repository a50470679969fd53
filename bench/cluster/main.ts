import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { Clock } from '../../loadgen/clock.ts';
import { describeMachine } from '../../loadgen/machine.ts';
import { INTERRUPTED, onInterrupt, runProgram } from '../../loadgen/run-program.ts';
import { findNatsServer, NATS_SOURCE, natsVersion } from '../../testkit/nats-server.ts';
import type { Figures } from '../workloads/workload.ts';
import { atRest } from './at-rest.ts';
import { deliveryLatency } from './delivery-latency.ts';
import { diskSyncMs } from './disk-sync.ts';
import type { ClusterRun, Experiment } from './experiment.ts';
import { moreEdges } from './more-edges.ts';
import { parseClusterBenchOptions } from './options.ts';
import { type ClusterResults, type ExperimentResult, formatResults } from './report.ts';
import { roleCosts } from './role-costs.ts';
import { takeOvers } from './take-overs.ts';
import { throughput } from './throughput.ts';

/*
 * npm run bench:cluster -- [flags]
 *
 * Exit codes: 0 everything ran; 1 something failed, the rest ran, or there is no nats-server;
 * 2 bad usage; 130 interrupted.
 */

const EXPERIMENTS: readonly Experiment[] = [
  atRest,
  roleCosts,
  throughput,
  deliveryLatency,
  takeOvers,
  moreEdges,
];
const SIGNIFICANT_DIGITS = 4;

async function main(argv: readonly string[]): Promise<number> {
  const names = EXPERIMENTS.map(({ name }) => name);
  const { lease, only, out, ...options } = parseClusterBenchOptions(argv, names);
  const natsServer = await findNatsServer();
  if (natsServer === undefined) throw new Error(`The benchmark needs ${NATS_SOURCE}`);
  const interrupt = new AbortController();
  onInterrupt(() => interrupt.abort());
  const { signal } = interrupt;
  const run = { ...options, natsServer, leaseMs: lease, clock: new Clock(), signal };
  const syncBefore = diskSyncMs();
  const experiments: ExperimentResult[] = [];
  for (const experiment of EXPERIMENTS) {
    const isWanted = only?.includes(experiment.name) ?? true;
    if (isWanted && !signal.aborted) experiments.push(await measure(experiment, run));
  }
  const { brokers, rounds, seconds } = options;
  const results: ClusterResults = {
    command: ['npm run bench:cluster --', ...argv].join(' '),
    machine: describeMachine(),
    broker: (await natsVersion(natsServer)).trim(),
    brokers,
    syncMs: [syncBefore, diskSyncMs()],
    rounds,
    seconds,
    experiments,
  };
  process.stdout.write(`${formatResults(results, EXPERIMENTS)}\n`);
  if (out !== undefined) await writeFile(out, `${JSON.stringify(results, undefined, 2)}\n`);
  if (signal.aborted) return INTERRUPTED;
  return experiments.some(({ failure }) => failure !== undefined) ? 1 : 0;
}

/** Keeps what was measured before a failure. */
async function measure(experiment: Experiment, run: ClusterRun): Promise<ExperimentResult> {
  const { name } = experiment;
  const loadBefore = loadavg();
  const rounds: Record<string, Figures[]> = {};
  let failure: string | undefined;
  try {
    await experiment.measure(run, (setting, figures) => {
      rounds[setting] ??= [];
      rounds[setting].push(figures);
      process.stderr.write(`${name}, ${setting}: ${inWords(figures)}\n`);
    });
  } catch (error) {
    const { message } = error as Error;
    [failure] = message.split('\n', 1);
    process.stderr.write(`${name} FAILED: ${message}\n`);
  }
  const result = { name, loadBefore, loadAfter: loadavg(), rounds };
  return failure === undefined ? result : { ...result, failure };
}

function inWords(figures: Figures): string {
  return Object.entries(figures)
    .map(([key, value]) => `${key} ${Number(value.toPrecision(SIGNIFICANT_DIGITS))}`)
    .join(', ');
}

await runProgram(main);
