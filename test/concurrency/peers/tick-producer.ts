import { parentPort, workerData } from 'node:worker_threads';
import { TickProducer } from '../../../src/engine/memory/tick-ring.ts';
import { meet } from './meet.ts';

/** Offers `count` ticks, tick n of which has fields that follow from n, in frames of changing size. */
const { memory, gate, count, overwrites } = workerData as {
  memory: SharedArrayBuffer;
  gate: SharedArrayBuffer;
  count: number;
  overwrites: boolean;
};
const producer = new TickProducer(memory, overwrites);
meet(new Int32Array(gate));
let refused = 0;
for (let n = 0; n < count; ) {
  const end = Math.min(count, n + 1 + (n % 97));
  while (n < end && producer.tryOffer(n, n + 0.25, n * 3, n * 5)) n++;
  if (n < end) refused++;
  producer.publish();
  producer.wake();
}
producer.stop();
parentPort?.postMessage({ refused });
