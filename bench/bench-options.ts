import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { CONTENDER_KEYS, type ContenderKey } from './contenders/contenders.ts';
import type { Workload, WorkloadGroup } from './workloads/workload.ts';

export interface BenchOptions {
  /** Names of workloads or their groups; all where absent. */
  readonly workloads?: readonly string[];
  /** Keys of contenders; all where absent. */
  readonly contenders?: readonly string[];
  readonly rounds: number;
  /** Length of a measured window. */
  readonly seconds: number;
  /** Only the workloads of a first look, unless some are named. */
  readonly quick: boolean;
  readonly out?: string;
  /** Results of an earlier run. */
  readonly against?: string;
  readonly markdown?: string;
  /** A file of recorded ticks. */
  readonly ticks?: string;
  readonly list: boolean;
}

const DEFAULTS = { rounds: 3, seconds: 2.5 };
const QUICK = { rounds: 1, seconds: 0.8 };

/**
 * Reads the command line.
 *
 * @throws CommanderError with exit code 2 for bad usage, 0 after help
 */
export function parseBenchOptions(argv: readonly string[]): BenchOptions {
  try {
    const options = benchCommand().parse(argv, { from: 'user' }).opts();
    return { ...(options.quick === true ? QUICK : DEFAULTS), ...options } as BenchOptions;
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode === 0) throw error;
    throw new CommanderError(2, error.code, error.message);
  }
}

function benchCommand(): Command {
  return new Command('bench')
    .description('Compares Tickwire with other servers, side by side on this machine.')
    .exitOverride()
    .showHelpAfterError('(--help lists the flags)')
    .option('--workloads <names>', 'workloads or groups of them, with commas between', names)
    .option('--contenders <names>', 'contenders, with commas between', names)
    .option('--rounds <count>', `rounds of each workload (default: ${DEFAULTS.rounds})`, wholeFrom1)
    .option('--seconds <s>', `measured part of a turn (default: ${DEFAULTS.seconds})`, aboveZero)
    .option(
      '--quick',
      `${QUICK.rounds} round of ${QUICK.seconds} s of some workloads: a first look`,
      false,
    )
    .option('--out <file>', 'write everything as JSON')
    .option('--against <file>', 'say what became worse than in a JSON file of an earlier run')
    .option('--markdown <file>', 'write the tables there, between its markers if it has them')
    .option('--ticks <file>', 'recorded ticks, CSV or .csv.gz (default: TICKWIRE_TICKS names it)')
    .option('--list', 'list workloads and contenders, and end', false);
}

function names(text: string): string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

export function wholeFrom1(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError('Expected a whole number from 1.');
}

export function aboveZero(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('Expected a number above 0.');
}

/**
 * The chosen workloads in their groups. Names select workloads or groups; without names, all or
 * those of a first look.
 *
 * @throws RangeError for an unknown name
 */
export function chooseWorkloads(
  groups: readonly WorkloadGroup[],
  names: readonly string[] | undefined,
  isQuick: boolean,
): WorkloadGroup[] {
  if (names === undefined)
    return isQuick ? keep(groups, (one) => one.isQuick === true) : [...groups];
  const known = groups.flatMap((group) => [group.name, ...group.workloads.map(({ name }) => name)]);
  refuseUnknown('workload', names, known);
  return keep(groups, ({ name }, group) => names.includes(group) || names.includes(name));
}

function keep(
  groups: readonly WorkloadGroup[],
  isChosen: (workload: Workload, group: string) => boolean,
): WorkloadGroup[] {
  return groups
    .map((group) => ({
      ...group,
      workloads: group.workloads.filter((workload) => isChosen(workload, group.name)),
    }))
    .filter(({ workloads }) => workloads.length > 0);
}

/**
 * The chosen contenders that take part in one of the workloads, in table order.
 *
 * @throws RangeError for an unknown name
 */
export function chooseContenders(
  groups: readonly WorkloadGroup[],
  names: readonly string[] | undefined,
): ContenderKey[] {
  if (names !== undefined) refuseUnknown('contender', names, CONTENDER_KEYS);
  const taking = new Set(
    groups.flatMap(({ workloads }) => workloads.flatMap((one) => one.contenders)),
  );
  return CONTENDER_KEYS.filter((key) => taking.has(key) && (names?.includes(key) ?? true));
}

function refuseUnknown(kind: string, names: readonly string[], known: readonly string[]): void {
  for (const name of names) {
    if (!known.includes(name)) {
      throw new RangeError(`no ${kind} is named ${name}; there are ${known.join(', ')}`);
    }
  }
}
