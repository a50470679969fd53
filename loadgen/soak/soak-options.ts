import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { DRILLS, type Drill } from './drills.ts';
import type { PublisherPlan } from './publisher-process.ts';

/** What the command line of a soak says. */
export interface SoakFlags {
  readonly minutes: number;
  readonly seed: number;
  readonly rate: number;
  readonly storeMode: 'async' | 'sync';
  readonly snapshotIntervalMs: number;
  /** The faults that come about. */
  readonly faults: readonly Drill[];
  readonly drill?: 'kill' | 'cluster';
  /** Of the drill `kill`: with durable acknowledgements, and a third as many without. */
  readonly kills: number;
}

const SEEDS = 2 ** 31;
const SOAK_RATE = 6000;
const DRILL_RATES = { kill: 100_000, cluster: 2000 };

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
      `ticks a second in total (default: ${SOAK_RATE}; ${DRILL_RATES.kill} of the drill kill, ` +
        `${DRILL_RATES.cluster} of cluster)`,
      numberAbove0,
    )
    .addOption(
      new Option('--store-mode <mode>', 'of the store')
        .choices(['async', 'sync'])
        .default('async')
        .conflicts('drill'),
    )
    .addOption(
      new Option('--snapshot-interval-ms <ms>', 'between two snapshots')
        .argParser(whole)
        .default(2000)
        .conflicts('drill'),
    )
    .addOption(
      new Option('--faults <names>', `which: ${DRILLS.join(',')}`)
        .argParser(drills)
        .default(DRILLS)
        .conflicts('drill'),
    )
    .addOption(
      new Option(
        '--drill <name>',
        'another run: kill measures what kill -9 loses, cluster has the faults of a cluster',
      ).choices(['kill', 'cluster']),
    )
    .option(
      '--kills <number>',
      'of the drill kill, with durable ACKs; a third as many others',
      whole,
      30,
    );
  try {
    const flags = command.parse(argv, { from: 'user' }).opts<Omit<SoakFlags, 'rate'>>();
    const { drill } = flags;
    return { rate: drill === undefined ? SOAK_RATE : DRILL_RATES[drill], ...flags };
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

function drills(text: string): readonly Drill[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !DRILLS.includes(name as Drill));
  if (unknown === undefined) return names as Drill[];
  throw new InvalidArgumentError(`Expected names out of ${DRILLS.join(', ')}, got "${unknown}".`);
}

function numberAbove0(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('Expected a number above 0.');
}

/** What the server of a soak is told, beside its defaults. */
export const DRAIN_MS = 4000;
/**
 * Longer than a server is away, so that windows that it restored have most of their ticks from the
 * process before.
 */
export const WINDOW_MS = 10_000;

const SYMBOLS = 50;
const BAD_SHARE = 0.001;
/**
 * Of the ticks that long windows hold, each raises an anomaly for as long as they hold a jump: few
 * are enough.
 */
const TICKS_PER_JUMP = 10_000;

/** One after the other: how many ticks a frame has, and which share of the rate it sends. */
const PUBLISHERS = [
  { frameTicks: 32, share: 0.45 },
  { frameTicks: 8, share: 0.3 },
  { frameTicks: 1, share: 0.15 },
  { frameTicks: 1, share: 0.1 },
];

/** The flags of every process of the server. */
export function serverFlags(storeMode: string, snapshotIntervalMs: number): string[] {
  return [
    `--processing.slidingWindowMilliseconds=${WINDOW_MS}`,
    `--server.drainMs=${DRAIN_MS}`,
    '--server.goawayJitterMs=200',
    '--stream.slowSessionCloseMs=15000',
    `--store.mode=${storeMode}`,
    `--store.snapshotIntervalMs=${snapshotIntervalMs}`,
  ];
}

/**
 * The publishers, from now on.
 *
 * @param rate ticks a second, all of them together
 * @param urls taken in turns
 */
export function publisherPlans(
  seed: number,
  rate: number,
  urls: readonly [PublisherPlan['url'], ...PublisherPlan['url'][]],
): PublisherPlan[] {
  return PUBLISHERS.map(({ frameTicks, share }, index) => ({
    url: urls[index % urls.length] ?? urls[0],
    name: `soak-${index}`,
    frameTicks,
    ticks: {
      seed: seed * PUBLISHERS.length + index,
      symbols: Array.from({ length: SYMBOLS }, (_, i) => `P${index}:S${i}`),
      startMs: Date.now(),
      intervalMs: 1000 / (rate * share),
      // The SDK itself refuses bad ticks that come one by one.
      badShare: frameTicks === 1 ? 0 : BAD_SHARE,
      ticksPerJump: TICKS_PER_JUMP,
    },
  }));
}
