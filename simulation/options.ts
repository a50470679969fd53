import { parseArgs } from 'node:util';

export interface CommandLine {
  /** undefined: another one each time. */
  readonly seed: number | undefined;
  /** Events a run has before it comes to rest and ends. */
  readonly steps: number;
  /** Runs, of seeds that follow one another. */
  readonly runs: number;
  readonly isVerbose: boolean;
}

/** How the simulation is called, for people. */
export const USAGE = `npm run simulate -- [--seed N] [--steps M] [--runs R] [--verbose]

  --seed N    the run's seed, from 0; without one, another each time
  --steps M   events a run has before it comes to rest and ends (500000)
  --runs R    runs, of the seeds N, N+1, … (1)
  --verbose   show the last 200 events`;

const STEPS = 500_000;

/**
 * Reads the command line.
 *
 * @throws Error for what is not on it
 */
export function readCommandLine(args: readonly string[]): CommandLine {
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
    seed: values.seed === undefined ? undefined : count('seed', values.seed, 0),
    steps: count('steps', values.steps ?? String(STEPS), 1),
    runs: count('runs', values.runs ?? '1', 1),
    isVerbose: values.verbose,
  };
}

function count(name: string, text: string, min: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw new Error(`--${name}: expected an integer from ${min}, got "${text}"`);
}
