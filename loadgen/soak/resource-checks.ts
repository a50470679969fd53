import type { Collection, Sample } from './server-watch.ts';

/*
 * Memory is judged after collections of garbage alone: between them it says when V8 collects, which
 * is as it pleases while there is room, and not what is held.
 */

/**
 * Of the life of a process, the part that is left out: code is compiled, and what is kept by number
 * fills up, ms.
 */
const WARM_UP_MS = 60_000;
/** Trends of fewer say nothing. */
const SAMPLES_MIN = 20;
const COLLECTIONS_MIN = 8;
const MIB = 2 ** 20;
/**
 * By how much the line may rise over the time that is looked at. What is alive moves with sessions
 * that come and go, by less than a MiB; the process's own pages also with the heaps of its threads,
 * and with what the allocator keeps of what was freed.
 */
const LIVE_RISE_BYTES_MAX = 2 * MIB;
const OWN_RISE_BYTES_MAX = 8 * MIB;
/** Parts of a trend that are told. */
const SHARES = 6;
/** Descriptors and the like. */
const RISE_COUNT_MAX = 8;
/** The event loop's lateness: of half of all samples, at the 99th percentile, ms. */
const DELAY_MS_MAX = 100;

/** Trends are of the last process of the server, warmed up; undefined where it ran too short. */
export interface ResourceFindings {
  /**
   * After collections: what is alive on the main thread, and what the process holds that no file
   * stands behind.
   */
  readonly live: Trend | undefined;
  readonly own: Trend | undefined;
  /** The most of the latter at any time, garbage included, bytes. */
  readonly ownBytesMax: number;
  readonly file: Trend | undefined;
  readonly descriptors: Trend | undefined;
  readonly handles: Trend | undefined;
  readonly threads: Trend | undefined;
  /** Over all samples, ms: the median of the 99th percentiles, and the worst moment. */
  readonly delayMs: number;
  readonly delayMaxMs: number;
}

export interface Watched {
  readonly samples: readonly Sample[];
  readonly collections: readonly Collection[];
  /** When each process, by its id, had met the most that comes at once. */
  readonly stretches?: ReadonlyMap<number, number>;
}

/**
 * Sees to it that what the last process of the server holds does not grow, and that its event loop
 * kept up.
 *
 * @param delayMsMax how late that may be
 */
export function checkResources(
  { samples, collections, stretches }: Watched,
  violate: (message: string) => void,
  delayMsMax = DELAY_MS_MAX,
): ResourceFindings {
  const last = samples.filter(({ pid }) => pid === samples.at(-1)?.pid);
  const [first] = last;
  const warmAt = Math.max(first?.at ?? 0, stretches?.get(first?.pid ?? 0) ?? 0) + WARM_UP_MS;
  const warm = last.filter(({ at }) => at >= warmAt);
  const warmCollections = collections.filter(({ pid, at }) => pid === last[0]?.pid && at >= warmAt);
  const findings = {
    live: trend(warmCollections, ({ liveBytes }) => liveBytes, COLLECTIONS_MIN),
    own: trend(warmCollections, ({ ownBytes }) => ownBytes, COLLECTIONS_MIN),
    ownBytesMax: Math.max(0, ...last.map(({ ownBytes }) => ownBytes)),
    file: trend(warm, ({ fileBytes }) => fileBytes),
    descriptors: trend(warm, ({ descriptors }) => descriptors),
    handles: trend(warm, ({ handles }) => handles),
    threads: trend(warm, ({ threads }) => threads),
    delayMs: median(samples.map(({ delayMs }) => delayMs)),
    delayMaxMs: Math.max(0, ...samples.map(({ delayMaxMs }) => delayMaxMs)),
  };
  checkRise('what is alive', findings.live, LIVE_RISE_BYTES_MAX, violate);
  checkRise('memory', findings.own, OWN_RISE_BYTES_MAX, violate);
  for (const name of ['descriptors', 'handles', 'threads'] as const) {
    const rise = findings[name]?.rise ?? 0;
    if (rise > RISE_COUNT_MAX) violate(`${name} rose by ${rise.toFixed(1)}`);
  }
  if (findings.delayMs > delayMsMax) {
    const late = findings.delayMs.toFixed(0);
    violate(`the event loop was ${late} ms late (median of 99th percentiles)`);
  }
  return findings;
}

function checkRise(
  what: string,
  of: Trend | undefined,
  bytesMax: number,
  violate: (message: string) => void,
): void {
  if (of === undefined || of.rise <= bytesMax) return;
  const mib = (bytes: number) => (bytes / MIB).toFixed(1);
  violate(`${what} rose by ${mib(of.rise)} MiB, more than ${mib(bytesMax)}`);
}

function trend<Item extends { readonly at: number }>(
  items: readonly Item[],
  of: (item: Item) => number,
  least = SAMPLES_MIN,
): Trend | undefined {
  if (items.length < least) return undefined;
  return trendOf(items.map((item) => ({ at: item.at, value: of(item) })));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

/** How a measured value went over time. */
export interface Trend {
  readonly samples: number;
  readonly first: number;
  readonly last: number;
  readonly max: number;
  /** Medians of so many equal shares of the samples, in their order. */
  readonly course: readonly number[];
  /** By how much the line through all samples rises from the first to the last of them. */
  readonly rise: number;
}

/** The line of least squares through samples in the order of their times. */
export function trendOf(
  samples: readonly { readonly at: number; readonly value: number }[],
): Trend {
  const n = samples.length;
  const values = samples.map(({ value }) => value);
  const meanAt = samples.reduce((sum, { at }) => sum + at, 0) / n;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  let covariance = 0;
  let variance = 0;
  for (const { at, value } of samples) {
    covariance += (at - meanAt) * (value - mean);
    variance += (at - meanAt) ** 2;
  }
  const spanMs = (samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0);
  return {
    samples: n,
    first: values[0] ?? 0,
    last: values.at(-1) ?? 0,
    max: Math.max(...values),
    course: Array.from({ length: SHARES }, (_, i) =>
      median(values.slice(Math.floor((i * n) / SHARES), Math.ceil(((i + 1) * n) / SHARES))),
    ),
    rise: variance === 0 ? 0 : (covariance / variance) * spanMs,
  };
}
