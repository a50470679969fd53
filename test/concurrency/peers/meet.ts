import { parentPort } from 'node:worker_threads';

/**
 * Says that this thread is ready, then waits for the word to become 1: threads then start as one.
 */
export function meet(gate: Int32Array): void {
  parentPort?.postMessage('ready');
  Atomics.wait(gate, 0, 0);
}

/** Lets every thread go that waits in {@link meet}. */
export function open(gate: Int32Array): void {
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
}
