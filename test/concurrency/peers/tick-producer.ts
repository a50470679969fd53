import { parentPort, workerData } from 'node:worker_threads';
import { TickProducer } from '../../../src/engine/memory/tick-producer.ts';
import { meet } from './meet.ts';

/** Offers `count` ticks in frames of varying size; the fields of tick n derive from n. */
const { memory, gate, count, overwrites } = workerData as {
  memory: SharedArrayBuffer;
  gate: SharedArrayBuffer;
  count: number;
  overwrites: boolean;
};
const producer = new TickProducer(memory, overwrites);
meet(new Int32Array(gate));
const columns = { prices: new Float64Array(1), times: new Float64Array(1) };
const ticks = { ...columns, receivedAt: 0, receivedUs: 0 };
function offer(n: number): boolean {
  ticks.prices[0] = n + 0.25;
  ticks.times[0] = n * 3;
  ticks.receivedAt = n * 5;
  ticks.receivedUs = -n;
  return producer.tryOffer(n, ticks, 0);
}
let refused = 0;
for (let n = 0; n < count; ) {
  const end = Math.min(count, n + 1 + (n % 97));
  while (n < end && offer(n)) n++;
  if (n < end) refused++;
  producer.publish();
  producer.wake();
}
producer.stop();
parentPort?.postMessage({ refused });
