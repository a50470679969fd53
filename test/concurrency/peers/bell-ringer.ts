import { parentPort, workerData } from 'node:worker_threads';
import { Doorbell } from '../../../src/engine/memory/doorbell.ts';
import { meet } from './meet.ts';

/**
 * Answers each request of the other thread: writes, then rings, at once or after brief work.
 * `news`: 0 requested, 1 + index answered.
 */
const { doorbell, news, gate, index, cycles } = workerData as {
  doorbell: SharedArrayBuffer;
  news: SharedArrayBuffer;
  gate: SharedArrayBuffer;
  index: number;
  cycles: number;
};
const bell = new Doorbell(doorbell);
const words = new Int32Array(news);
meet(new Int32Array(gate));
let busy = 0;
for (let n = 1; n <= cycles; n++) {
  while (Atomics.load(words, 0) < n) Atomics.wait(words, 0, n - 1, 1000);
  for (let i = 0; i < (n * 7919) % 400; i++) busy += i;
  Atomics.store(words, 1 + index, n);
  bell.ring();
}
parentPort?.postMessage(busy);
