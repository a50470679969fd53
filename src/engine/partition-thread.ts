import { parentPort } from 'node:worker_threads';
import { WorkerHold } from './memory/partition-holder.ts';
import { PartitionWorker, type PartitionWorkerData } from './partition-worker.ts';

/*
 * The entry of a partition's thread. Nothing imports it: it takes the messages of the thread that
 * loads it.
 */
parentPort?.once('message', (data: PartitionWorkerData) => {
  // Before anything of it is read: the gateway may be stepping the partition.
  new WorkerHold(new Int32Array(data.memory.ticks)).acquire();
  const worker = new PartitionWorker(data, (replaced) => parentPort?.postMessage(replaced));
  parentPort?.postMessage('running');
  worker.run();
});
parentPort?.postMessage('loaded');
