import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { TIME_UNITS, type TimeUnit } from './csv-source.ts';

/**
 * What a run does, as the flags say. Counts are whole numbers, rates ticks a second, durations
 * seconds.
 */
export interface LoadOptions {
  readonly url: string;
  /** Where the server requires one; never shown. */
  readonly token?: string;
  readonly spawnServer?: string;
  readonly serverPid?: number;
  readonly market: boolean;
  readonly symbols: number;
  readonly seed: number;
  readonly zipf: number;
  readonly jumpProbability: number;
  readonly rate: number;
  readonly csv?: string;
  readonly timeColumn: string;
  readonly timeUnit: TimeUnit;
  readonly symbolColumn: string;
  readonly priceColumn: string;
  readonly speed: number;
  readonly duration: number;
  readonly warmUp: number;
  readonly publishers: number;
  readonly frame: number;
  readonly subscribers: number;
  readonly subscriptions: number;
  readonly wildcard: number;
  readonly slow: number;
  readonly conflateMs?: number;
  readonly subscriberProcesses: number;
  readonly encoding: 'binary' | 'json';
  readonly json?: string;
}

const DEFAULT_DURATION_S = 10;

/**
 * Reads the command line.
 *
 * @throws CommanderError with exit code 2 for bad usage, 0 after help
 */
export function parseLoadOptions(argv: readonly string[]): LoadOptions {
  const command = buildCommand();
  try {
    command.parse(argv, { from: 'user' });
    const options = command.opts();
    checkTogether(command, options as LoadOptions);
    const isCsv = options.csv !== undefined;
    const duration = isCsv ? Number.POSITIVE_INFINITY : DEFAULT_DURATION_S;
    return { duration, ...options, market: !isCsv } as LoadOptions;
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode === 0) throw error;
    throw new CommanderError(2, error.code, error.message);
  }
}

function checkTogether(command: Command, options: LoadOptions): void {
  const fail = (message: string) => command.error(`error: ${message}`);
  if (options.csv !== undefined && options.market) fail('--market and --csv exclude each other');
  if (options.wildcard > options.subscribers) fail('--wildcard exceeds --subscribers');
  if (options.slow > options.subscribers) fail('--slow exceeds --subscribers');
  if (options.publishers > options.symbols && options.csv === undefined) {
    fail('--publishers exceeds --symbols: each symbol has one publisher');
  }
}

function buildCommand(): Command {
  const command = new Command('load')
    .description('Drives a Tickwire server with ticks and subscribers, measures, and checks.')
    .exitOverride()
    .showHelpAfterError('(--help lists the flags)');
  addServer(command);
  addSources(command);
  addClients(command);
  return command;
}

function addServer(command: Command): void {
  command
    .optionsGroup('Server')
    .option('--url <url>', 'where the server listens', 'ws://127.0.0.1:9001')
    .addOption(new Option('--token <token>', 'for a server that demands one').env('TICKWIRE_TOKEN'))
    .option('--spawn-server <flags>', 'start the built server with these flags, on a free port')
    .option('--server-pid <pid>', 'measure CPU and memory of this process', wholeFrom(1))
    .option('--json <file>', 'write the report as JSON, too');
}

function addSources(command: Command): void {
  command
    .optionsGroup('Ticks')
    .option('--market', 'a synthetic market (the default)', false)
    .option('--symbols <count>', 'symbols of the market', wholeFrom(1), 1000)
    .option('--seed <number>', 'seed of everything random', wholeFrom(0), 1)
    .option('--zipf <exponent>', 'inequality of activity, 0: none', numberFrom(0), 1)
    .option('--jump-probability <p>', 'of a jump beyond 2 % at a tick', probability, 1e-6)
    .option('--rate <ticks>', 'ticks a second in total, or max', rateOrMax, 10_000)
    .option('--csv <file>', 'recorded ticks (.csv or .csv.gz) instead of a market')
    .option('--time-column <name>', 'column of the time', 'timestamp')
    .addOption(
      new Option('--time-unit <unit>', 'unit of numeric times')
        .choices(Object.keys(TIME_UNITS))
        .default('ms'),
    )
    .option('--symbol-column <name>', 'column of the symbol', 'symbol')
    .option('--price-column <name>', 'column of the price', 'price')
    .option('--speed <factor>', 'multiple of the recorded pace, or max', rateOrMax, 1)
    .option(
      '--duration <seconds>',
      `length of the run (default: ${DEFAULT_DURATION_S}; the whole of a recording)`,
      numberFrom(0),
    )
    .option(
      '--warm-up <seconds>',
      'leave out the latencies of the first seconds',
      numberFrom(0),
      0,
    );
}

function addClients(command: Command): void {
  command
    .optionsGroup('Clients')
    .option('--publishers <count>', 'publishers; each symbol has one', wholeFrom(1), 1)
    .option('--frame <ticks>', 'ticks a frame at most', wholeFrom(1), 256)
    .option('--subscribers <count>', 'subscribers', wholeFrom(0), 10)
    .option('--subscriptions <count>', 'symbols that each subscribes', wholeFrom(1), 100)
    .option('--wildcard <count>', 'how many of them subscribe to everything', wholeFrom(0), 0)
    .option('--slow <count>', 'how many of them stop reading again and again', wholeFrom(0), 0)
    .option('--conflate-ms <ms>', 'least time between two STATS frames', numberFrom(0))
    .option(
      '--subscriber-processes <count>',
      "processes for the subscribers; 0: the publishers' own",
      wholeFrom(0),
      1,
    )
    .addOption(
      new Option('--encoding <encoding>', 'of frames')
        .choices(['binary', 'json'])
        .default('binary'),
    );
}

function numberFrom(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value) && value >= min) return value;
    throw new InvalidArgumentError(`Expected a number from ${min}.`);
  };
}

function wholeFrom(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isSafeInteger(value) && value >= min) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min}.`);
  };
}

function probability(text: string): number {
  const value = numberFrom(0)(text);
  if (value <= 1) return value;
  throw new InvalidArgumentError('Expected a number from 0 to 1.');
}

function rateOrMax(text: string): number {
  if (text === 'max') return Number.POSITIVE_INFINITY;
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('Expected a number above 0, or max.');
}

/**
 * The command line of a run, as reports have it: which hold no token, as they are passed around.
 */
export function shownCommandLine(argv: readonly string[]): string {
  const shown = argv.map((word, i) => {
    if (argv[i - 1] === '--token') return '…';
    return word.startsWith('--token=') ? '--token=…' : word;
  });
  return ['npm run load --', ...shown].join(' ');
}
