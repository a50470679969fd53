import type { Machine } from '../../loadgen/machine.ts';
import type { ContenderKey } from '../contenders/contenders.ts';
import type { Figures } from '../workloads/workload.ts';

/** Results of a run, as in the JSON file. */
export interface Results {
  readonly command: string;
  readonly machine: Machine;
  readonly startedAt: string;
  readonly endedAt: string;
  /** Load averages of 1, 5 and 15 minutes. */
  readonly loadBefore: readonly number[];
  readonly loadAfter: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  readonly contenders: readonly ContenderResult[];
  readonly workloads: readonly WorkloadResult[];
  readonly failures: readonly Failure[];
}

export interface ContenderResult {
  readonly key: ContenderKey;
  readonly name: string;
  readonly description: string;
  /** Absent where it did not run. */
  readonly version?: string;
  /** Why it did not run. */
  readonly skipped?: string;
}

export interface WorkloadResult {
  readonly name: string;
  readonly group: string;
  readonly setting: string;
  /** Why it did not run. */
  readonly skipped?: string;
  /** By round; failed rounds are absent. */
  readonly rounds: Partial<Record<ContenderKey, readonly Figures[]>>;
}

export interface Failure {
  readonly workload: string;
  readonly contender: ContenderKey;
  readonly round: number;
  readonly message: string;
}

/** Median and range of several rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @throws RangeError without values */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const min = sorted[0];
  const max = sorted.at(-1);
  if (min === undefined || max === undefined) throw new RangeError('no values');
  const upper = sorted[sorted.length >> 1] as number;
  const lower = sorted[(sorted.length - 1) >> 1] as number;
  return { median: (lower + upper) / 2, min, max };
}
