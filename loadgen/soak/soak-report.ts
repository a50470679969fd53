import type { Absence } from './drills.ts';
import type { DiskFindings } from './faults/disk-drill.ts';
import type { ResourceFindings, Trend } from './resource-checks.ts';
import type { StateFindings } from './state-checks.ts';

/** What a soak did and found. */
export interface SoakReport {
  readonly options: {
    readonly seed: number;
    readonly minutes: number;
    readonly rate: number;
    readonly storeMode: string;
    readonly snapshotIntervalMs: number;
  };
  readonly drills: Readonly<Record<string, number>>;
  readonly absences: readonly Absence[];
  readonly disk: DiskFindings;
  /** Error lines of the log that were part of a fault. */
  readonly excused: number;
  /** Ticks of publishers and prices over HTTP that a server whose clock was behind refused. */
  readonly refused: number;
  readonly refusedPosts: number;
  readonly state: StateFindings;
  /** Ticks that dead workers skipped. */
  readonly skipped: number;
  /** Subscribers that were verified. */
  readonly mirrors: number;
  /** Anomaly numbers that were given anew after kills, as each watching subscriber saw it. */
  readonly renumbered: readonly number[];
  readonly reconnections: number;
  readonly dismissed: number;
  readonly answersMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /**
   * How long the main threads of the server and of this program waited for a processor, of the time
   * of the run.
   */
  readonly waitingShare: number;
  readonly areAnswersJudged: boolean;
  readonly resources: ResourceFindings;
  readonly violations: readonly string[];
  readonly violationCount: number;
}

const MIB = 2 ** 20;

/** The report in words. */
export function formatSoakReport(report: SoakReport): string {
  const { options, state, answersMs } = report;
  const { seed, minutes, rate, storeMode, snapshotIntervalMs } = options;
  return [
    `soak of ${minutes} min at ${rate} ticks/s, seed ${seed}; store ${storeMode}, ` +
      `a snapshot every ${snapshotIntervalMs} ms`,
    ...faultLines(report),
    ...absenceLines(report.absences, snapshotIntervalMs),
    `state          ${state.symbols} symbols, ${state.ticks} ticks, ` +
      `${state.anomalies} anomalies compared`,
    `               ${state.restored} anomalies by windows that were restored after a restart`,
    `               ${report.skipped} ticks skipped by dead workers, ` +
      `${state.incomplete} symbols miss one; ${state.orphans} anomalies of ticks lost in kills`,
    `subscribers    ${report.mirrors} verified, ${report.reconnections} came and went, ` +
      `${report.dismissed} dismissed for not reading`,
    `               ${report.renumbered.join(' and ')} anomaly numbers seen twice after kills`,
    `HTTP           p50 ${ms(answersMs.p50)}, p99 ${ms(answersMs.p99)}, max ${ms(answersMs.max)}`,
    `               ${waiting(report)}`,
    'memory         of the last process, warmed up, each time after a collection of garbage:',
    ...resourceLines(report.resources),
    ...verdictLines(report, seed),
  ].join('\n');
}

/** What a process held and how late it was, in words. */
export function resourceLines(resources: ResourceFindings): string[] {
  const { live, own, ownBytesMax, file, delayMaxMs } = resources;
  return [
    `               alive on the main thread ${trend(live, MIB, 'MiB')}`,
    `               the process's own ${trend(own, MIB, 'MiB')}; ` +
      `${(ownBytesMax / MIB).toFixed(1)} at most between collections`,
    `               ${course(own)}`,
    `               pages of files ${trend(file, MIB, 'MiB')}`,
    `descriptors    ${trend(resources.descriptors, 1, '')}; ` +
      `handles ${trend(resources.handles, 1, '')}; threads ${trend(resources.threads, 1, '')}`,
    `event loop     late by ${ms(resources.delayMs)} (median of 99th percentiles), ` +
      `${delayMaxMs === Infinity ? 'beyond measure' : ms(delayMaxMs)} at worst`,
  ];
}

function faultLines({ drills, disk, excused, refused, refusedPosts }: SoakReport): string[] {
  const names = Object.keys(drills).toSorted();
  const { faults, noticed, mendedMs } = disk;
  return [
    ...names.map((name, i) => `${(i === 0 ? 'faults' : '').padEnd(15)}${drills[name]} ${name}`),
    `               ${noticed} of ${faults} faults of the disk seen in /readyz, over ` +
      `${ms(mendedMs)} after their ends at most; ${excused} error lines of them`,
    `               ${refused} ticks and ${refusedPosts} HTTP prices refused while the clock ` +
      'was behind',
  ];
}

function absenceLines(absences: readonly Absence[], intervalMs: number): string[] {
  return absences.map(({ kind, endMs, startMs, lostTicks, lostMs }) => {
    const what = kind === 'restart' ? `planned stop in ${ms(endMs)}` : 'killed';
    const since = lostTicks > 0 ? ` (of the last ${ms(lostMs)}; snapshots: ${ms(intervalMs)})` : '';
    const lost = `${lostTicks} acknowledged ticks lost${since}`;
    return `               ${what}, ready again in ${ms(startMs)}, ${lost}`;
  });
}

function waiting({ waitingShare, areAnswersJudged }: SoakReport): string {
  const percent = (100 * waitingShare).toFixed(1);
  const share = `server and soak waited for a processor ${percent} % of the time`;
  return areAnswersJudged ? share : `${share}: this machine is too busy to judge answers on`;
}

/** What should not be, or that there is nothing. */
export function verdictLines(
  { violations, violationCount }: Pick<SoakReport, 'violations' | 'violationCount'>,
  seed: number,
): string[] {
  if (violationCount === 0) return ['everything holds'];
  const more = violationCount - violations.length;
  return [
    `${violationCount} VIOLATIONS (seed ${seed}):`,
    ...violations.map((violation) => `  ${violation}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

function trend(of: Trend | undefined, unit: number, name: string): string {
  if (of === undefined) return 'too short to tell';
  const number = (value: number) => (value / unit).toFixed(1);
  const text = `${number(of.first)} to ${number(of.last)} ${name}`.trimEnd();
  return `${text} (line rises by ${number(of.rise)}, most ${number(of.max)})`;
}

/** Where it rose: at once, or all the time. */
function course(of: Trend | undefined): string {
  if (of === undefined) return '';
  return `over time ${of.course.map((bytes) => (bytes / MIB).toFixed(1)).join(', ')} MiB`;
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}
