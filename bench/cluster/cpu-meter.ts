import { cpus } from 'node:os';
import { preciseCpuMs } from '../../testkit/process-figures.ts';

/** Ids of processes by what they are. */
export type Parts = Readonly<Record<string, readonly number[]>>;

/** CPU time between two moments, busy cores. */
export interface UsedCores {
  readonly cores: Readonly<Record<string, number>>;
  /** Of programs that are no part of the measurement: what makes figures doubtful. */
  readonly others: number;
  readonly elapsedMs: number;
}

/** CPU time of some processes, and of the whole machine. */
export class CpuMeter {
  readonly #parts: Parts;
  readonly #from: Reading;

  /** Begins at once. All its processes must live until {@link read}. */
  constructor(parts: Parts) {
    this.#parts = parts;
    this.#from = reading(parts);
  }

  /** Since it began. */
  read(): UsedCores {
    const to = reading(this.#parts);
    const elapsedMs = to.atMs - this.#from.atMs;
    const cores: Record<string, number> = {};
    for (const [part, ms] of Object.entries(to.parts)) {
      cores[part] = (ms - (this.#from.parts[part] ?? 0)) / elapsedMs;
    }
    const own = Object.values(cores).reduce((sum, value) => sum + value, 0);
    const busy = (to.machineMs - this.#from.machineMs) / elapsedMs;
    return { cores, others: Math.max(0, busy - own), elapsedMs };
  }
}

interface Reading {
  readonly parts: Readonly<Record<string, number>>;
  readonly machineMs: number;
  readonly atMs: number;
}

function reading(parts: Parts): Reading {
  const read = Object.entries(parts).map(([part, pids]) => {
    return [part, pids.reduce((sum, pid) => sum + preciseCpuMs(pid), 0)] as const;
  });
  return { parts: Object.fromEntries(read), machineMs: machineMs(), atMs: performance.now() };
}

/** CPU time of all programs since the machine's start. */
function machineMs(): number {
  return cpus().reduce((sum, { times }) => {
    return sum + times.user + times.nice + times.sys + times.irq;
  }, 0);
}
