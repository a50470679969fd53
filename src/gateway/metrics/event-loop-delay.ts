import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How often the event loop is looked at, ms. */
const RESOLUTION_MS = 10;

/**
 * Watches how late the event loop of this thread is from now on.
 *
 * @returns reads the delays by quantile since it was last called, s
 */
export function watchEventLoop(): () => Readonly<Record<string, number>> {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  // Recorded is the time between two looks, so that a loop that is never late shows the interval.
  const delay = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1e3);
  return () => {
    const { max } = histogram;
    const readings = {
      0.5: delay(histogram.percentile(50)),
      0.99: delay(histogram.percentile(99)),
      1: delay(max),
    };
    histogram.reset();
    return readings;
  };
}
