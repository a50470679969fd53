import type { Case } from './case.ts';

/** The optimizer needs this much, however short the measurement is to be: code not optimized yet boxes its doubles. */
export const WARM_UP_MS_MIN = 500;

/** Runs a case for `wallMs`. Returns how often. */
export function warmUp({ run, prepare }: Case, wallMs: number): number {
  const end = performance.now() + wallMs;
  let runs = 0;
  do {
    prepare?.();
    run();
    runs++;
  } while (performance.now() < end);
  return runs;
}
