import { cpuMs, residentBytes } from '../testkit/process-figures.ts';

const SAMPLE_MS = 500;

/** What a process used over a run. */
export interface ProcessUsage {
  /** CPU time of all its threads, ms. */
  readonly cpuMs: number;
  /** CPU time over elapsed time: 1 is one core. */
  readonly cores: number;
  /** Resident memory, bytes: mean of the first and the second half of the run, and the most. */
  readonly firstHalfBytes: number;
  readonly secondHalfBytes: number;
  /** Mean of the third and the last quarter: equal where memory is flat. */
  readonly thirdQuarterBytes: number;
  readonly lastQuarterBytes: number;
  readonly maxBytes: number;
}

/** Watches CPU time and memory of a process, through /proc (Linux). */
export class ProcessWatch {
  readonly #pid: number;
  readonly #resident: number[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;
  #startMs = 0;
  #startCpuMs = 0;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** @throws Error when there is no such process, or no /proc */
  start(): void {
    this.#startMs = performance.now();
    this.#startCpuMs = cpuMs(this.#pid);
    this.#sample();
    this.#timer = setInterval(() => {
      try {
        this.#sample();
      } catch {
        // The process ended: those who talk to it report that.
        clearInterval(this.#timer);
      }
    }, SAMPLE_MS);
  }

  /** Ends the watch; undefined when the process is gone. */
  stop(): ProcessUsage | undefined {
    clearInterval(this.#timer);
    const elapsedMs = performance.now() - this.#startMs;
    let usedMs: number;
    try {
      usedMs = cpuMs(this.#pid) - this.#startCpuMs;
    } catch {
      return undefined;
    }
    const middle = Math.ceil(this.#resident.length / 2);
    const quarter = Math.floor(this.#resident.length / 4);
    return {
      cpuMs: usedMs,
      cores: usedMs / elapsedMs,
      firstHalfBytes: mean(this.#resident.slice(0, middle)),
      secondHalfBytes: mean(this.#resident.slice(middle - 1)),
      thirdQuarterBytes: mean(this.#resident.slice(middle - 1, middle + quarter)),
      lastQuarterBytes: mean(this.#resident.slice(middle - 1 + quarter)),
      maxBytes: Math.max(...this.#resident),
    };
  }

  #sample(): void {
    this.#resident.push(residentBytes(this.#pid));
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
