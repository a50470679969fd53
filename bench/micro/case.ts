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
  /** Whether the code under it promises to allocate nothing: more than a trace of it is a failure, whatever was before. */
  readonly allocatesNothing: boolean;
  readonly make: () => Case | Promise<Case>;
}
