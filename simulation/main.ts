import { readCommandLine, USAGE } from './options.ts';
import { type Outcome, Simulation } from './simulation.ts';

/** Seeds that are drawn stay short enough to be typed. */
const DRAWN_SEED_MAX = 1_000_000_000;

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function tell(seed: number, outcome: Outcome, seconds: number): void {
  const { tally } = outcome;
  console.log(
    `seed ${seed}: ${count(outcome.steps)} steps (${count(Math.round(outcome.virtualMs / 1000))} s of its time) in ` +
      `${seconds.toFixed(1)} s, ${count(Math.round(outcome.steps / seconds))} steps/s, trace ${outcome.hash}`,
  );
  console.log(
    `  ${count(tally.ticksApplied)} ticks applied, ${count(tally.anomalies)} anomalies; ${tally.workerDeaths} workers ` +
      `died, ${tally.crashes} processes; ${tally.stops} stops; came to rest ${tally.rests} times, everything agreed`,
  );
}

function tellFailure(seed: number, steps: number, { failure, trace }: Outcome, isVerbose: boolean) {
  if (isVerbose) console.log(trace.join('\n'));
  if (failure === undefined) return;
  console.error(`seed ${seed} FAILED at step ${failure.step}: ${failure.oracle}`);
  console.error(`  ${failure.detail}`);
  console.error(`  again: npm run simulate -- --seed ${seed} --steps ${steps} --verbose`);
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    console.log(USAGE);
    return 0;
  }
  const { seed: given, steps, runs, isVerbose } = readCommandLine(args);
  const first = given ?? Math.floor(Math.random() * DRAWN_SEED_MAX);
  let failures = 0;
  for (let seed = first; seed < first + runs; seed++) {
    const start = process.hrtime.bigint();
    const outcome = await new Simulation({ seed, steps }).run();
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    if (outcome.failure === undefined) tell(seed, outcome, seconds);
    else failures++;
    tellFailure(seed, steps, outcome, isVerbose);
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
