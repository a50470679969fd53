import { CONTENDER_KEYS, type ContenderKey } from '../contenders/contenders.ts';
import type { Column, WorkloadGroup } from '../workloads/workload.ts';
import { type Results, spreadOf, type WorkloadResult } from './results.ts';

/** A median that is worse by less is noise, whatever the rounds say. */
const SHARE_MIN = 0.05;
/** Of so few rounds the ranges say little: a median must then be this much worse. */
const ROUNDS_MIN = 3;
const SHARE_MIN_OF_FEW = 0.25;

/** A figure that became worse than it was in stored results. */
export interface Regression {
  readonly workload: string;
  readonly contender: ContenderKey;
  readonly column: string;
  readonly before: number;
  readonly now: number;
}

/**
 * What became worse by more than noise: every round is worse than every round before, and the
 * median by 5 %. Only figures that both runs have are compared. Nothing here tells a slower machine
 * from slower code: where all contenders became worse, it is the machine.
 */
export function regressions(
  groups: readonly WorkloadGroup[],
  before: Pick<Results, 'workloads'>,
  now: Pick<Results, 'workloads'>,
): Regression[] {
  return groups.flatMap(({ columns, name }) =>
    now.workloads
      .filter(({ group }) => group === name)
      .flatMap((workload) => {
        const old = before.workloads.find((other) => other.name === workload.name);
        return old === undefined ? [] : ofWorkload(columns, old, workload);
      }),
  );
}

function ofWorkload(
  columns: readonly Column[],
  before: WorkloadResult,
  now: WorkloadResult,
): Regression[] {
  return CONTENDER_KEYS.flatMap((contender) =>
    columns.flatMap((column) => {
      const old = valuesOf(before, contender, column);
      const values = valuesOf(now, contender, column);
      if (!isWorse(column, old, values)) return [];
      return {
        workload: now.name,
        contender,
        column: column.title,
        before: spreadOf(old).median,
        now: spreadOf(values).median,
      };
    }),
  );
}

function valuesOf(
  { rounds }: WorkloadResult,
  contender: ContenderKey,
  { key }: Column,
): readonly number[] {
  const values = (rounds[contender] ?? []).map((figures) => figures[key] ?? Number.NaN);
  return values.filter((value) => Number.isFinite(value));
}

function isWorse(column: Column, before: readonly number[], now: readonly number[]): boolean {
  if (before.length === 0 || now.length === 0) return false;
  const old = spreadOf(before);
  const spread = spreadOf(now);
  const isMoreBetter = column.isMoreBetter === true;
  const areApart = isMoreBetter ? spread.max < old.min : spread.min > old.max;
  const few = Math.min(before.length, now.length) < ROUNDS_MIN;
  const share = Math.abs(spread.median - old.median) / Math.abs(old.median || 1);
  return areApart && share >= (few ? SHARE_MIN_OF_FEW : SHARE_MIN);
}

/** A line for each, or one that says that there is none. */
export function formatRegressions(found: readonly Regression[], against: string): string {
  if (found.length === 0) return `Against ${against}: nothing became worse by more than noise.`;
  const lines = found.map(({ workload, contender, column, before, now }) => {
    const percent = Math.round((100 * (now - before)) / (before || 1));
    const change = `${percent > 0 ? '+' : ''}${percent} %`;
    return `- ${workload}, ${contender}: ${column} ${shown(before)} → ${shown(now)} (${change})`;
  });
  return [`Against ${against}: worse by more than noise:`, '', ...lines].join('\n');
}

function shown(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 4 });
}
