import type { Clock } from '../loadgen/clock.ts';
import type { Contender } from './contenders/contender.ts';
import type { ContenderKey } from './contenders/contenders.ts';
import type { ContenderResult, Failure, WorkloadResult } from './report/results.ts';
import type { Figures, Workload, WorkloadGroup } from './workloads/workload.ts';

export interface RunOptions {
  readonly groups: readonly WorkloadGroup[];
  readonly contenders: Record<ContenderKey, Contender>;
  readonly keys: readonly ContenderKey[];
  readonly rounds: number;
  readonly seconds: number;
  readonly clock: Clock;
  /** Ends the run, keeping what was measured. */
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

export interface RunResult {
  readonly contenders: readonly ContenderResult[];
  readonly workloads: readonly WorkloadResult[];
  readonly failures: readonly Failure[];
}

/**
 * Runs workloads. In each round all contenders take turns, so that changes on the machine affect
 * all alike. A failed turn is noted, and the run continues.
 */
export async function runWorkloads(options: RunOptions): Promise<RunResult> {
  const contenders: ContenderResult[] = [];
  for (const key of options.keys) contenders.push(await lookAt(key, options));
  const skipped = new Set(
    contenders.filter((one) => one.skipped !== undefined).map(({ key }) => key),
  );
  const able = options.keys.filter((key) => !skipped.has(key));
  const workloads: WorkloadResult[] = [];
  const failures: Failure[] = [];
  for (const group of options.groups) {
    for (const workload of group.workloads) {
      const keys = able.filter((key) => workload.contenders.includes(key));
      const run = new WorkloadRun(workload, keys, options, failures);
      workloads.push({
        name: workload.name,
        group: group.name,
        setting: workload.setting,
        ...(workload.unavailable === undefined ? {} : { skipped: workload.unavailable }),
        rounds: workload.unavailable === undefined ? await run.rounds() : {},
      });
    }
  }
  return { contenders, workloads, failures };
}

async function lookAt(key: ContenderKey, options: RunOptions): Promise<ContenderResult> {
  const contender = options.contenders[key];
  const { name, description } = contender;
  const reason = await contender.unavailable();
  if (reason === undefined) {
    return { key, name, description, version: await contender.version() };
  }
  options.progress(`${name} is left out: ${reason}`);
  return { key, name, description, skipped: reason };
}

class WorkloadRun {
  readonly #workload: Workload;
  readonly #keys: readonly ContenderKey[];
  readonly #options: RunOptions;
  readonly #failures: Failure[];

  constructor(
    workload: Workload,
    keys: readonly ContenderKey[],
    options: RunOptions,
    failures: Failure[],
  ) {
    this.#workload = workload;
    this.#keys = keys;
    this.#options = options;
    this.#failures = failures;
  }

  async rounds(): Promise<Partial<Record<ContenderKey, readonly Figures[]>>> {
    const { roundsMax = Number.POSITIVE_INFINITY } = this.#workload;
    const results: Partial<Record<ContenderKey, Figures[]>> = {};
    for (let round = 1; round <= Math.min(roundsMax, this.#options.rounds); round++) {
      for (const key of this.#keys) {
        const figures = await this.#turn(key, round);
        if (figures === undefined) continue;
        results[key] ??= [];
        results[key].push(figures);
      }
    }
    return results;
  }

  async #turn(key: ContenderKey, round: number): Promise<Figures | undefined> {
    const { contenders, seconds, clock, signal, progress } = this.#options;
    if (signal.aborted) return undefined;
    const contender = contenders[key];
    const label = `${this.#workload.name}, round ${round}, ${contender.name}`;
    try {
      const figures = await this.#workload.measure({ key, contender, seconds, clock, signal });
      progress(`${label}: ${inWords(figures)}`);
      return figures;
    } catch (error) {
      if (signal.aborted) return undefined;
      const { message } = error as Error;
      this.#failures.push({ workload: this.#workload.name, contender: key, round, message });
      progress(`${label} FAILED: ${message}`);
      return undefined;
    }
  }
}

function inWords(figures: Figures): string {
  const SIGNIFICANT_DIGITS = 4;
  return Object.entries(figures)
    .map(([key, value]) => `${key} ${Number(value.toPrecision(SIGNIFICANT_DIGITS))}`)
    .join(', ');
}
