import { parseArgs } from 'node:util';
import { type Outcome, Simulation } from './simulation.ts';

interface CommandLine {
  /** undefined: a random one. */
  readonly seed: number | undefined;
  /** Events a run has before it comes to rest and ends. */
  readonly steps: number;
  /** Runs, with consecutive seeds. */
  readonly runs: number;
  readonly isVerbose: boolean;
}

const USAGE = `npm run simulate -- [--seed N] [--steps M] [--runs R] [--verbose]

  --seed N    the run's seed, from 0 (random)
  --steps M   events a run has before it comes to rest and ends (500000)
  --runs R    runs, of the seeds N, N+1, … (1)
  --verbose   show the last 200 events`;

const STEPS = 500_000;

/**
 * Reads the command line.
 *
 * @throws Error for what is not on it
 */
function readCommandLine(args: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      steps: { type: 'string' },
      runs: { type: 'string' },
      verbose: { type: 'boolean', default: false },
    },
  });
  return {
    seed: values.seed === undefined ? undefined : integer('seed', values.seed, 0),
    steps: integer('steps', values.steps ?? String(STEPS), 1),
    runs: integer('runs', values.runs ?? '1', 1),
    isVerbose: values.verbose,
  };
}

function integer(name: string, text: string, min: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw new Error(`--${name}: expected an integer from ${min}, got "${text}"`);
}

/** Random seeds stay short enough to be typed. */
const DRAWN_SEED_MAX = 1_000_000_000;

function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** What runs took. */
interface Cost {
  steps: number;
  seconds: number;
  /** All threads of this process, the compiler's and the collector's too. */
  processorSeconds: number;
}

function rateOf({ steps, seconds, processorSeconds }: Cost): string {
  const perStepUs = (processorSeconds / steps) * 1e6;
  return (
    `${seconds.toFixed(1)} s, ${count(Math.round(steps / seconds))} steps/s, ` +
    `${perStepUs.toFixed(1)} µs of processor time a step`
  );
}

function tell(seed: number, outcome: Outcome, cost: Cost): void {
  const { tally } = outcome;
  console.log(
    `seed ${seed}: ${count(outcome.steps)} steps ` +
      `(${count(Math.round(outcome.virtualMs / 1000))} s of its time) in ` +
      `${rateOf(cost)}, trace ${outcome.hash}`,
  );
  console.log(
    `  ${count(tally.ticksApplied)} ticks applied, ${count(tally.anomalies)} anomalies; ` +
      `the gateway stepped ${count(tally.gatewayBatches)} times, ` +
      `ticks threw there ${tally.gatewayFailures} times; ` +
      `${tally.workerDeaths} workers died, ${tally.crashes} processes; ${tally.stops} stops; ` +
      `starts replayed ${count(tally.replayed)} ticks, were refused ${tally.refusals} times; ` +
      `the journal had ${tally.gaps} gaps and ${tally.torn} torn ends; ` +
      `came to rest ${tally.rests} times, everything agreed`,
  );
}

function tellFailure(seed: number, steps: number, { failure, trace }: Outcome, isVerbose: boolean) {
  if (isVerbose) console.log(trace.join('\n'));
  if (failure === undefined) return;
  console.error(`seed ${seed} FAILED at step ${failure.step}: ${failure.oracle}`);
  console.error(`  ${failure.detail}`);
  console.error(`  again: npm run simulate -- --seed ${seed} --steps ${steps} --verbose`);
}

async function run(seed: number, steps: number): Promise<{ outcome: Outcome; cost: Cost }> {
  const start = process.hrtime.bigint();
  const before = process.cpuUsage();
  const outcome = await new Simulation({ seed, steps }).run();
  const { user, system } = process.cpuUsage(before);
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const cost = { steps: outcome.steps, seconds, processorSeconds: (user + system) / 1e6 };
  return { outcome, cost };
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    console.log(USAGE);
    return 0;
  }
  const { seed: given, steps, runs, isVerbose } = readCommandLine(args);
  const first = given ?? Math.floor(Math.random() * DRAWN_SEED_MAX);
  const total: Cost = { steps: 0, seconds: 0, processorSeconds: 0 };
  let failures = 0;
  for (let seed = first; seed < first + runs; seed++) {
    const { outcome, cost } = await run(seed, steps);
    total.steps += cost.steps;
    total.seconds += cost.seconds;
    total.processorSeconds += cost.processorSeconds;
    if (outcome.failure === undefined) tell(seed, outcome, cost);
    else failures++;
    tellFailure(seed, steps, outcome, isVerbose);
  }
  if (runs > 1) {
    console.log(
      `${runs} runs, ${failures} failed: ${count(total.steps)} steps in ${rateOf(total)}`,
    );
  }
  return failures === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  console.error(USAGE);
  process.exitCode = 2;
}
