import { parentPort, workerData } from 'node:worker_threads';
import { TickProducer } from '../../../src/engine/memory/tick-producer.ts';
import { meet } from './meet.ts';

/** Publishes `count` ticks, each after the previous one's release. */
const { memory, gate, count } = workerData as {
  memory: SharedArrayBuffer;
  gate: SharedArrayBuffer;
  count: number;
};
const producer = new TickProducer(memory, false);
const one = Float64Array.of(1);
const ticks = { prices: one, times: one, receivedAt: 0, receivedUs: 1 };
meet(new Int32Array(gate));
for (let n = 0; n < count; n++) {
  while (producer.depth() > 0);
  producer.tryOffer(0, ticks, 0);
  producer.publish();
  producer.wake();
}
producer.stop();
parentPort?.postMessage('done');
