import { Worker } from 'node:worker_threads';
import type { PartitionWorkerData } from './partition-worker.ts';

/** Starts a worker on a partition's memory. */
export type SpawnWorker = (data: PartitionWorkerData) => Worker;

/**
 * Starts a thread that becomes the worker of the partition whose {@link PartitionWorkerData} is posted to it, and then says
 * so. From the built JavaScript or, in tests, from the TypeScript source: there a bootstrap script registers the loader first,
 * which workers do not inherit on Node 20.
 */
export function startWorkerThread(): Worker {
  const isBuilt = import.meta.url.endsWith('.js');
  if (isBuilt) return new Worker(new URL('./partition-worker.js', import.meta.url));
  const entry = new URL('./partition-worker.ts', import.meta.url).href;
  const bootstrap = new URL('../../scripts/ts-worker.mjs', import.meta.url);
  return new Worker(bootstrap, { workerData: { entry } });
}
