import { parentPort } from 'node:worker_threads';
import { int32s } from '../threads/shared-memory.ts';
import { WorkerHold } from './memory/partition-holder.ts';
import { PartitionWorker, type PartitionWorkerData } from './partition-worker.ts';
import { loadRuleModules } from './rule-modules.ts';

/*
 * The entry of a partition's thread. Nothing imports it: it takes the messages of the thread that
 * loads it.
 */
parentPort?.once('message', (data: PartitionWorkerData) => void run(data));
parentPort?.postMessage('loaded');

async function run(data: PartitionWorkerData): Promise<void> {
  const modules = await loadRuleModules(data.modules);
  // Before anything of it is read: the gateway may be stepping the partition.
  new WorkerHold(int32s(data.memory.ticks)).acquire();
  const report = (message: object) => parentPort?.postMessage(message);
  const worker = new PartitionWorker(data, { timeReplaced: report, ruleFaults: report }, modules);
  parentPort?.postMessage('running');
  worker.run();
}
