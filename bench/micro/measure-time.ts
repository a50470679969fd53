import type { Case } from './case.ts';

export interface Timing {
  readonly medianNs: number;
  readonly minNs: number;
  /** Least calibration time meanwhile, ns a run. */
  readonly calibrationNs: number;
  /**
   * Least time of an operation over the calibration's least, measured alternately. Minima reflect
   * an idle processor; on a busy machine medians reflect other programs.
   */
  readonly relative: number;
}

/** Alternations of case and calibration. */
const ROUNDS = 10;
/** The calibration's share of the time. */
const CALIBRATION_PART = 0.2;
const SAMPLES_MIN = 5;

const samples = new Float64Array(1 << 16);

/** Measures for about `timeMs` after as long a warm-up. */
export function measureTime({ operations, run, prepare }: Case, timeMs: number): Timing {
  const calibration = new Calibration();
  const calibrationMs = (timeMs / ROUNDS) * CALIBRATION_PART;
  const caseMs = timeMs / ROUNDS - calibrationMs;
  sample(caseMs * ROUNDS, run, prepare);
  sample(calibrationMs * ROUNDS, calibration.run);
  const rounds = Array.from({ length: ROUNDS }, () => ({
    ...sample(caseMs, run, prepare),
    calibrationMs: sample(calibrationMs, calibration.run).minMs,
  }));
  const minMs = Math.min(...rounds.map((round) => round.minMs));
  const leastCalibrationMs = Math.min(...rounds.map((round) => round.calibrationMs));
  const nanoseconds = (ms: number) => (ms * 1e6) / operations;
  return {
    medianNs: nanoseconds(median(rounds.map((round) => round.medianMs))),
    minNs: nanoseconds(minMs),
    calibrationNs: leastCalibrationMs * 1e6,
    relative: minMs / leastCalibrationMs / operations,
  };
}

/** Times prepared runs for `wallMs` or until the samples are full. */
function sample(
  wallMs: number,
  run: () => void,
  prepare?: () => void,
): { readonly medianMs: number; readonly minMs: number } {
  const end = performance.now() + wallMs;
  let count = 0;
  let now = 0;
  while (count < SAMPLES_MIN || (now < end && count < samples.length)) {
    prepare?.();
    const start = performance.now();
    run();
    now = performance.now();
    samples[count++] = now - start;
  }
  const sorted = samples.subarray(0, count).sort();
  return { medianMs: sorted[count >> 1] as number, minMs: sorted[0] as number };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

const SIZE = 1024;
const PASSES = 16;

/**
 * Fixed work that gauges the machine's current speed: integers, doubles and memory in the
 * first-level cache. Never change it: every stored baseline is relative to it.
 */
class Calibration {
  readonly #doubles = Float64Array.from({ length: SIZE }, (_, i) => i + 0.5);
  readonly #words = new Int32Array(SIZE);

  readonly run = (): void => {
    const doubles = this.#doubles;
    const words = this.#words;
    let state = 1;
    for (let pass = 0; pass < PASSES; pass++) {
      for (let i = 0; i < SIZE; i++) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        const at = state & (SIZE - 1);
        words[at] = (words[at] as number) + 1;
        doubles[i] = (doubles[at] as number) * 0.5 + (doubles[i] as number) * 0.5;
      }
    }
  };
}
