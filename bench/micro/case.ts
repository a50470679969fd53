/** A measured case. Only `run` is measured. */
export interface Case {
  /** Operations a `run`. */
  readonly operations: number;
  /** Messages a `run`, if any. */
  readonly messages?: number;
  readonly run: () => void;
  /** Prepares each `run`. */
  readonly prepare?: () => void;
  /** Measures the longest step, ms, where the typical one hides it. */
  readonly longestStepMs?: () => Promise<number>;
  /**
   * Cleans up.
   *
   * @throws Error when the runs did not do their work, which makes the figures void
   */
  readonly finish?: () => Promise<void>;
}

/** Makes a case in the measuring process. */
export interface CaseMaker {
  readonly name: string;
  /** The measured code promises no allocation: more than a trace fails, whatever the baseline. */
  readonly allocatesNothing: boolean;
  /**
   * What it may take more than another case, ns an operation. It is compared with that one, in the
   * same sitting, not with the baseline.
   */
  readonly budget?: { readonly beside: string; readonly ns: number };
  readonly make: () => Case | Promise<Case>;
}

/**
 * The optimizer needs this much processor time however short the measurement: unoptimized code
 * boxes its doubles.
 */
export const WARM_UP_MS_MIN = 500;

/**
 * Runs a case for so much processor time (on a busy machine, longer by the clock). Returns the
 * number of runs.
 */
export function warmUp({ run, prepare }: Case, processorMs: number): number {
  const begun = process.cpuUsage();
  let runs = 0;
  do {
    prepare?.();
    run();
    runs++;
  } while (msSince(begun) < processorMs);
  return runs;
}

function msSince(begun: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1000;
}
