import type { PublisherPlan } from './publisher-process.ts';

/** What the server of a soak is told, beside its defaults. */
export const DRAIN_MS = 4000;
/** Longer than a server is away, so that windows that it restored have most of their ticks from the process before. */
export const WINDOW_MS = 10_000;

const SYMBOLS = 50;
const BAD_SHARE = 0.001;
/** Of the ticks that long windows hold, each raises an anomaly for as long as they hold a jump: few are enough. */
const TICKS_PER_JUMP = 10_000;

/** One after the other: how many ticks a frame has, and which share of the rate it sends. */
const PUBLISHERS = [
  { frameTicks: 32, share: 0.45 },
  { frameTicks: 8, share: 0.3 },
  { frameTicks: 1, share: 0.15 },
  { frameTicks: 1, share: 0.1 },
];

/** The flags of every process of the server. */
export function serverFlags(storeMode: string, snapshotIntervalMs: number): string[] {
  return [
    `--processing.slidingWindowMilliseconds=${WINDOW_MS}`,
    `--server.drainMs=${DRAIN_MS}`,
    '--server.goawayJitterMs=200',
    '--stream.slowSessionCloseMs=15000',
    `--store.mode=${storeMode}`,
    `--store.snapshotIntervalMs=${snapshotIntervalMs}`,
  ];
}

/**
 * The publishers, from now on.
 *
 * @param rate ticks a second, all of them together
 * @param urls taken in turns
 */
export function publisherPlans(
  seed: number,
  rate: number,
  urls: readonly [string, ...string[]],
): PublisherPlan[] {
  return PUBLISHERS.map(({ frameTicks, share }, index) => ({
    url: urls[index % urls.length] ?? urls[0],
    name: `soak-${index}`,
    frameTicks,
    ticks: {
      seed: seed * PUBLISHERS.length + index,
      symbols: Array.from({ length: SYMBOLS }, (_, i) => `P${index}:S${i}`),
      startMs: Date.now(),
      intervalMs: 1000 / (rate * share),
      // The SDK itself refuses bad ticks that come one by one.
      badShare: frameTicks === 1 ? 0 : BAD_SHARE,
      ticksPerJump: TICKS_PER_JUMP,
    },
  }));
}
