/** One thing to measure. Nothing but `run` is measured. */
export interface Case {
  /** Operations that one `run` does. */
  readonly operations: number;
  /** Messages that one `run` sends, where it sends any. */
  readonly messages?: number;
  readonly run: () => void;
  /** Brings about what each `run` needs. */
  readonly prepare?: () => void;
  /** Measures the longest step, ms, where the usual one says too little. */
  readonly longestStepMs?: () => Promise<number>;
  /**
   * Frees what was made.
   *
   * @throws Error when the runs did not do what they are to do: then their figures say nothing
   */
  readonly finish?: () => Promise<void>;
}

/** A case to be made in the process that measures it. */
export interface CaseMaker {
  readonly name: string;
  /**
   * Whether the code under it promises to allocate nothing: more than a trace of it is a failure,
   * whatever was before.
   */
  readonly allocatesNothing: boolean;
  readonly make: () => Case | Promise<Case>;
}

/**
 * The optimizer needs this much of the processor, however short the measurement is to be: code not
 * optimized yet boxes its doubles.
 */
export const WARM_UP_MS_MIN = 500;

/**
 * Runs a case for so much processor time: on a busy machine, that takes longer by the clock.
 * Returns how often it ran.
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
