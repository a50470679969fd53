import type { Sample } from './server-watch.ts';
import { type Trend, trendOf } from './trend.ts';

/** Of the time that a process of the server ran, the part that is left out as it warms up. */
const WARM_UP_SHARE = 0.3;
/** Trends of fewer samples say nothing. */
const SAMPLES_MIN = 20;
/** Memory is judged by the least of so many samples. */
const FLOOR_SAMPLES = 8;
const MIB = 2 ** 20;
/** By how much values may rise over the time that is looked at: bytes, and share of the mean; descriptors and the like. */
const RISE_BYTES_MAX = 24 * MIB;
const RISE_SHARE_MAX = 0.1;
const RISE_COUNT_MAX = 8;
/** The event loop's lateness: of half of all samples, at the 99th percentile, ms. */
const DELAY_MS_MAX = 100;

export interface ResourceFindings {
  /** Over the last process of the server, warmed up; undefined where it ran too short. */
  /** Memory: of its least values. */
  readonly own: Trend | undefined;
  readonly resident: Trend | undefined;
  readonly heap: Trend | undefined;
  readonly descriptors: Trend | undefined;
  readonly handles: Trend | undefined;
  readonly threads: Trend | undefined;
  /** Over all samples, ms: the median of the 99th percentiles, and the worst moment. */
  readonly delayMs: number;
  readonly delayMaxMs: number;
}

/** Sees to it that what the last process of the server holds does not grow, and that its event loop kept up. */
export function checkResources(
  samples: readonly Sample[],
  violate: (message: string) => void,
): ResourceFindings {
  const pid = samples.at(-1)?.pid;
  const own = samples.filter((sample) => sample.pid === pid);
  const warm = own.slice(Math.ceil(own.length * WARM_UP_SHARE));
  const trend = (of: (sample: Sample) => number) =>
    warm.length < SAMPLES_MIN
      ? undefined
      : trendOf(warm.map((sample) => ({ at: sample.at, value: of(sample) })));
  const floor = (of: (sample: Sample) => number) =>
    warm.length < SAMPLES_MIN ? undefined : trendOf(floorOf(warm, of));
  const findings = {
    own: floor(({ ownBytes }) => ownBytes),
    resident: floor(({ residentBytes }) => residentBytes),
    heap: floor(({ heapBytes }) => heapBytes),
    descriptors: trend(({ descriptors }) => descriptors),
    handles: trend(({ handles }) => handles),
    threads: trend(({ threads }) => threads),
    delayMs: median(samples.map(({ delayMs }) => delayMs)),
    delayMaxMs: Math.max(0, ...samples.map(({ delayMaxMs }) => delayMaxMs)),
  };
  const bytesMax = Math.max(RISE_BYTES_MAX, RISE_SHARE_MAX * (findings.own?.first ?? 0));
  if (findings.own !== undefined && findings.own.rise > bytesMax) {
    violate(`memory rose by ${(findings.own.rise / MIB).toFixed(1)} MiB`);
  }
  for (const name of ['descriptors', 'handles', 'threads'] as const) {
    const rise = findings[name]?.rise ?? 0;
    if (rise > RISE_COUNT_MAX) violate(`${name} rose by ${rise.toFixed(1)}`);
  }
  if (findings.delayMs > DELAY_MS_MAX) {
    violate(
      `the event loop was ${findings.delayMs.toFixed(0)} ms late (median of 99th percentiles)`,
    );
  }
  return findings;
}

/** The least of each few samples in a row: what is left when garbage was collected. */
function floorOf(
  samples: readonly Sample[],
  of: (sample: Sample) => number,
): { readonly at: number; readonly value: number }[] {
  const floor: { at: number; value: number }[] = [];
  for (let from = 0; from < samples.length; from += FLOOR_SAMPLES) {
    const part = samples.slice(from, from + FLOOR_SAMPLES);
    floor.push({ at: part[0]?.at ?? 0, value: Math.min(...part.map(of)) });
  }
  return floor;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
