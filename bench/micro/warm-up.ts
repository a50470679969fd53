import type { Case } from './case.ts';

/**
 * The optimizer needs this much of the processor, however short the measurement is to be: code not optimized yet boxes its
 * doubles.
 */
export const WARM_UP_MS_MIN = 500;

/** Runs a case for so much processor time: on a busy machine, that takes longer by the clock. Returns how often it ran. */
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
