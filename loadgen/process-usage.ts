import { readFile } from 'node:fs/promises';

const SAMPLE_MS = 500;
/** Clock ticks a second in /proc: 100 on every Linux of today. */
const CLOCK_TICKS_PER_SECOND = 100;
const KIB = 1024;

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
  async start(): Promise<void> {
    this.#startMs = performance.now();
    this.#startCpuMs = await readCpuMs(this.#pid);
    await this.#sample();
    this.#timer = setInterval(() => {
      // A process that ended is found out by those who talk to it.
      this.#sample().catch(() => clearInterval(this.#timer));
    }, SAMPLE_MS);
  }

  /** Ends the watch; undefined when the process is gone. */
  async stop(): Promise<ProcessUsage | undefined> {
    clearInterval(this.#timer);
    const elapsedMs = performance.now() - this.#startMs;
    const endCpuMs = await readCpuMs(this.#pid).catch(() => undefined);
    if (endCpuMs === undefined) return undefined;
    const cpuMs = endCpuMs - this.#startCpuMs;
    const middle = Math.ceil(this.#resident.length / 2);
    const quarter = Math.floor(this.#resident.length / 4);
    return {
      cpuMs,
      cores: cpuMs / elapsedMs,
      firstHalfBytes: mean(this.#resident.slice(0, middle)),
      secondHalfBytes: mean(this.#resident.slice(middle - 1)),
      thirdQuarterBytes: mean(this.#resident.slice(middle - 1, middle + quarter)),
      lastQuarterBytes: mean(this.#resident.slice(middle - 1 + quarter)),
      maxBytes: Math.max(...this.#resident),
    };
  }

  async #sample(): Promise<void> {
    const status = await readFile(`/proc/${this.#pid}/status`, 'utf8');
    this.#resident.push(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * KIB);
  }
}

async function readCpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The second field, the name, may hold anything: count from the bracket that closes it. utime is
  // 14th, stime 15th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return (ticks * 1000) / CLOCK_TICKS_PER_SECOND;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
