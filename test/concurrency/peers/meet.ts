import { parentPort } from 'node:worker_threads';

/** Announces readiness, then waits for the word to become 1: threads start together. */
export function meet(gate: Int32Array): void {
  parentPort?.postMessage('ready');
  Atomics.wait(gate, 0, 0);
}

/** Releases all threads in {@link meet}. */
export function open(gate: Int32Array): void {
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
}
