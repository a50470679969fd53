import type { Config } from './schema.ts';

/** Logs keep ticks for a day: what no snapshot has by then is gone. */
const SNAPSHOT_MS_MAX = 3_600_000;

/**
 * Refuses settings that a member of a cluster cannot have.
 *
 * @throws Error that names each one
 */
export function checkCluster({ cluster, store }: Config): void {
  const { role, servers } = cluster;
  if (role === 'none') return;
  const faults: string[] = [];
  if (servers === '') {
    faults.push('cluster.servers: expected the addresses of NATS servers, got none');
  }
  const { snapshotIntervalMs } = store;
  if (role !== 'edge' && (snapshotIntervalMs === 0 || snapshotIntervalMs > SNAPSHOT_MS_MAX)) {
    faults.push(
      `store.snapshotIntervalMs: expected 1 to ${SNAPSHOT_MS_MAX}, as logs keep ticks for a day, ` +
        `got ${snapshotIntervalMs}`,
    );
  }
  if (faults.length > 0) throw new Error(`cluster.role is ${role}: ${faults.join('; ')}`);
}

/**
 * The configuration as a member of a cluster follows it. Its journal and store are the logs; these
 * are the queue, so publishers wait where it is full; frames are acknowledged once they are there.
 */
export function asMember(config: Config): Config {
  if (config.cluster.role === 'none') return config;
  return {
    ...config,
    processing: { ...config.processing, overflow: 'wait' },
    publish: { ...config.publish, acknowledge: 'durable' },
    store: { ...config.store, directory: '', mode: 'async' },
  };
}
