import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';

/** What the command line of a soak says. */
export interface SoakFlags {
  readonly minutes: number;
  readonly seed: number;
  readonly rate: number;
  readonly storeMode: 'async' | 'sync';
  readonly snapshotIntervalMs: number;
  readonly drill?: 'kill';
}

const SEEDS = 2 ** 31;
const SOAK_RATE = 6000;
const DRILL_RATE = 100_000;

/**
 * Reads the command line.
 *
 * @throws CommanderError with exit code 2 for bad usage, 0 after help
 */
export function parseSoakFlags(argv: readonly string[]): SoakFlags {
  const command = new Command('soak')
    .description('Runs a server under mixed load and random faults, and checks what must hold.')
    .exitOverride()
    .showHelpAfterError('(--help lists the flags)')
    .option('--minutes <minutes>', 'how long', numberAbove0, 10)
    .option('--seed <number>', 'of everything random', whole, Math.floor(Math.random() * SEEDS))
    .option(
      '--rate <ticks>',
      `ticks a second in total (default: ${SOAK_RATE}; ${DRILL_RATE} of a drill)`,
      numberAbove0,
    )
    .addOption(
      new Option('--store-mode <mode>', 'of the store').choices(['async', 'sync']).default('async'),
    )
    .option('--snapshot-interval-ms <ms>', 'between two snapshots', whole, 2000)
    .addOption(
      new Option(
        '--drill <name>',
        'one experiment instead: kill measures what kill -9 loses',
      ).choices(['kill']),
    );
  try {
    const flags = command.parse(argv, { from: 'user' }).opts<Omit<SoakFlags, 'rate'>>();
    return { rate: flags.drill === undefined ? SOAK_RATE : DRILL_RATE, ...flags };
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode === 0) throw error;
    throw new CommanderError(2, error.code, error.message);
  }
}

function whole(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('Expected a whole number from 0.');
}

function numberAbove0(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('Expected a number above 0.');
}
