import type { FullOptions } from '../load/full-publishing.ts';
import type { Trial } from './trial.ts';

const US_PER_MS = 1000;
const MS_PER_SECOND = 1000;

/** What a server takes in when publishers do not pause, and what that costs it. */
export interface FullSpeed {
  readonly cpuPerTick: number;
  readonly ticksPerSecond: number;
  /** Cores that were busy, on average. */
  readonly cores: number;
}

/**
 * Publishes as fast as the server takes it, over a warm-up and the window.
 *
 * @throws Error when the server does not tell what it processed, or a connection was lost
 */
export async function measureFullSpeed(trial: Trial, options: FullOptions): Promise<FullSpeed> {
  const publishing = trial.publishers.publishFully(options);
  // A lost connection ends the window, too: it is reported there.
  publishing.catch(() => undefined);
  try {
    return await processingRate(trial);
  } finally {
    trial.publishers.stop();
  }
}

/** Makes every tick as young as can be, in whole ms, as feeds send them. */
export function stampNow(trial: Trial): FullOptions['stamp'] {
  const { clock } = trial.turn;
  return (times, from, to) => {
    times.fill(Math.floor(clock.now()), from, to);
  };
}

/** What a server takes in of what is being published, over a warm-up and the window. */
export async function processingRate(trial: Trial): Promise<FullSpeed> {
  await trial.warmUp();
  const before = await processedBy(trial);
  await trial.window();
  const after = await processedBy(trial);
  const ticks = after.processed - before.processed;
  const cpuMs = after.cpuMs - before.cpuMs;
  const elapsedMs = after.atMs - before.atMs;
  if (ticks === 0) throw new Error('the server processed nothing');
  return {
    cpuPerTick: (cpuMs * US_PER_MS) / ticks,
    ticksPerSecond: (ticks * MS_PER_SECOND) / elapsedMs,
    cores: cpuMs / elapsedMs,
  };
}

async function processedBy(trial: Trial) {
  const processed = await trial.server.processed();
  if (processed === undefined) throw new Error('the server does not tell what it processed');
  return { processed, cpuMs: trial.cpuMs(), atMs: performance.now() };
}
