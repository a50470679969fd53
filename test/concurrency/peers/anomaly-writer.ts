import { parentPort, workerData } from 'node:worker_threads';
import { AnomalyProducer } from '../../../src/engine/memory/anomaly-ring.ts';
import { meet } from './meet.ts';

/** Appends `count` anomalies, waiting for space; the fields of anomaly n derive from n. */
const { memory, gate, count } = workerData as {
  memory: SharedArrayBuffer;
  gate: SharedArrayBuffer;
  count: number;
};
const producer = new AnomalyProducer(memory);
meet(new Int32Array(gate));
let waits = 0;
for (let n = 0; n < count; n++) {
  while (!producer.hasSpace(2)) {
    waits++;
    producer.waitForSpace(2);
  }
  producer.append(n, n + 1, n % 2 === 0 ? 1 : -1, n + 2, n + 3, n + 4, n + 5);
}
parentPort?.postMessage(waits);
