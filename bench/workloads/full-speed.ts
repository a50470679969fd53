import type { FullOptions } from '../load/full-publishing.ts';
import type { Trial } from './trial.ts';

const US_PER_MS = 1000;
const MS_PER_SECOND = 1000;

/** Throughput at full speed and its cost. */
export interface FullSpeed {
  readonly cpuPerTick: number;
  readonly ticksPerSecond: number;
  /** Average busy cores. */
  readonly cores: number;
}

/**
 * Publishes at full speed over a warm-up and the window.
 *
 * @throws Error when the server has no processed count or a connection was lost
 */
export async function measureFullSpeed(trial: Trial, options: FullOptions): Promise<FullSpeed> {
  const publishing = trial.publishers.publishFully(options);
  // A lost connection also ends the window and is reported there.
  publishing.catch(() => undefined);
  try {
    return await processingRate(trial);
  } finally {
    trial.publishers.stop();
  }
}

/** Stamps ticks with the current time in whole ms, as feeds do. */
export function stampNow(trial: Trial): FullOptions['stamp'] {
  const { clock } = trial.turn;
  return (times, from, to) => {
    times.fill(Math.floor(clock.now()), from, to);
  };
}

/** Measures processing of what is being published, over a warm-up and the window. */
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
