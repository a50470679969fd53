import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { aboveZero, wholeFrom1 } from '../bench-options.ts';

export interface ClusterBenchOptions {
  /** Names of experiments; all where absent. */
  readonly only?: readonly string[];
  readonly brokers: number;
  readonly shards: readonly number[];
  readonly rate: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly kills: number;
  readonly lease: number;
  readonly out?: string;
}

const DEFAULTS = {
  brokers: 1,
  shards: [256, 16],
  rate: 20_000,
  rounds: 3,
  seconds: 3,
  kills: 10,
  lease: 2000,
};

/**
 * Reads the command line.
 *
 * @param experiments names of those that there are
 *
 * @throws CommanderError with exit code 2 for bad usage, 0 after help
 */
export function parseClusterBenchOptions(
  argv: readonly string[],
  experiments: readonly string[],
): ClusterBenchOptions {
  try {
    const options = benchCommand(experiments).parse(argv, { from: 'user' }).opts();
    return { ...DEFAULTS, ...options };
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode === 0) throw error;
    throw new CommanderError(2, error.code, error.message);
  }
}

function benchCommand(experiments: readonly string[]): Command {
  const known = (text: string) => namesAmong(experiments, text);
  const { brokers, kills, lease, rate, rounds, seconds, shards } = DEFAULTS;
  return new Command('bench:cluster')
    .description('Measures a cluster whose processes are all on this machine. Linux.')
    .exitOverride()
    .showHelpAfterError('(--help lists the flags)')
    .option('--only <names>', `some of ${experiments.join(', ')}, with commas between`, known)
    .option(
      '--brokers <count>',
      `NATS servers, which all keep each log (default: ${brokers})`,
      wholeFrom1,
    )
    .option('--shards <counts>', `cluster.shards to compare (default: ${shards.join()})`, wholes)
    .option('--rate <ticks>', `ticks a second of a steady load (default: ${rate})`, wholeFrom1)
    .option('--rounds <count>', `rounds of each experiment (default: ${rounds})`, wholeFrom1)
    .option('--seconds <s>', `measured part of a turn (default: ${seconds})`, aboveZero)
    .option('--kills <count>', `owners killed, and stopped (default: ${kills})`, wholeFrom1)
    .option('--lease <ms>', `cluster.leaseMs (default: ${lease})`, wholeFrom1)
    .option('--out <file>', 'write everything as JSON');
}

function namesAmong(known: readonly string[], text: string): string[] {
  const names = text.split(',');
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return names;
  throw new InvalidArgumentError(
    `No experiment is named ${unknown}; there are ${known.join(', ')}.`,
  );
}

function wholes(text: string): number[] {
  return text.split(',').map(wholeFrom1);
}
