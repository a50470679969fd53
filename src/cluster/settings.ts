import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/schema.ts';
import type { KeyValues } from './bus.ts';

/** Settings that decide what a log means: the same for all members, from the first one's start. */
interface SharedSettings {
  readonly 'cluster.shards': number;
  readonly 'processing.movingAverageWindow': number;
  readonly 'processing.anomalyThresholdPercent': number;
  readonly 'processing.anomalyRule': string;
  readonly 'processing.slidingWindowMilliseconds': number;
  readonly 'processing.windowCapacity': number;
  readonly 'processing.windowBytesMax': number;
  readonly 'processing.maxFutureMs': number;
  readonly 'processing.lateTicks': string;
  readonly 'processing.maxSymbols': number;
  readonly 'processing.allowedLatenessMs': number;
  /** 0 where no tick waits. */
  readonly 'processing.reorderTicks': number;
}

/** What a cluster of a version that had not these settings does. */
const ADDED: Partial<SharedSettings> = {
  'processing.allowedLatenessMs': 0,
  'processing.reorderTicks': 0,
};

const KEY = 'settings';
/** How often it is tried to make or to read them, and the wait between, ms. */
const TRIES = 25;
const RETRY_MS = 200;

/**
 * Compares the settings of this process with the cluster's; the first process makes them.
 *
 * @throws Error that names each one that differs
 */
export async function agreeOnSettings(config: Config, keys: KeyValues): Promise<void> {
  const own = sharedSettings(config);
  const made = new TextEncoder().encode(JSON.stringify(own));
  let found = await keys.get(KEY);
  for (let tries = 0; found === undefined && tries < TRIES; tries++) {
    if (tries > 0) await delay(RETRY_MS);
    // Refused where another process was first; a broker that follows may not know of it yet.
    const ours = await keys.update(KEY, made, 0).then(
      (revision) => ({ value: made, revision }),
      () => undefined,
    );
    found = ours ?? (await keys.get(KEY));
  }
  if (found === undefined) throw new Error('cluster.servers: the settings cannot be stored');
  const text = new TextDecoder().decode(found.value);
  const stored: Record<string, unknown> = { ...ADDED, ...JSON.parse(text) };
  const faults = Object.entries(own)
    .filter(([key, value]) => stored[key] !== value)
    .map(([key, value]) => `${key}: expected ${String(stored[key])}, got ${String(value)}`);
  if (faults.length === 0) return;
  const { name } = config.cluster;
  throw new Error(
    `this process has other settings than the cluster "${name}" (cluster.name): ` +
      `${faults.join('; ')}. They are fixed when a cluster is first started.`,
  );
}

function sharedSettings({ cluster, processing }: Config): SharedSettings {
  return {
    'cluster.shards': cluster.shards,
    'processing.movingAverageWindow': processing.movingAverageWindow,
    'processing.anomalyThresholdPercent': processing.anomalyThresholdPercent,
    'processing.anomalyRule': processing.anomalyRule,
    'processing.slidingWindowMilliseconds': processing.slidingWindowMilliseconds,
    'processing.windowCapacity': processing.windowCapacity,
    'processing.windowBytesMax': processing.windowBytesMax,
    'processing.maxFutureMs': processing.maxFutureMs,
    'processing.lateTicks': processing.lateTicks,
    'processing.maxSymbols': processing.maxSymbols,
    'processing.allowedLatenessMs': processing.allowedLatenessMs,
    'processing.reorderTicks': processing.allowedLatenessMs === 0 ? 0 : processing.reorderTicks,
  };
}
