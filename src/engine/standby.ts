import type { Worker } from 'node:worker_threads';
import type { PartitionWorkerData } from './partition-worker.ts';
import { startWorkerThread } from './spawn-worker.ts';

/** A tick that its worker dies of may be the death of the next one too, which cleans up. */
const THREADS = 2;

/**
 * Threads that have loaded everything and wait to become some partition's worker. On a busy machine a thread takes half a
 * second to start, in which the ticks of a partition whose worker died would wait.
 */
export class Standby {
  /** Those that wait, oldest first, and whether each has loaded everything. */
  readonly #waiting = new Map<Worker, boolean>();
  /** Whether any are to be kept. */
  #isWanted = false;

  /** Keeps threads ready from now on. */
  prepare(): void {
    this.#isWanted = true;
    while (this.#waiting.size < THREADS) this.#start();
  }

  /** Whether all that are kept are ready. */
  get isReady(): boolean {
    return this.#waiting.size === THREADS && [...this.#waiting.values()].every(Boolean);
  }

  /** A thread that was kept ready, or a new one, as a partition's worker; another is started once it runs. */
  readonly take = (data: PartitionWorkerData): Worker => {
    const [worker = this.#start()] = this.#waiting.keys();
    this.#waiting.delete(worker);
    worker.ref();
    worker.on('message', (message) => {
      if (message === 'running' && this.#isWanted) this.prepare();
    });
    // One that has not finished loading finds it when it has.
    worker.postMessage(data);
    return worker;
  };

  /** Keeps none any more. */
  async end(): Promise<void> {
    this.#isWanted = false;
    await Promise.all([...this.#waiting.keys()].map((worker) => worker.terminate()));
  }

  #start(): Worker {
    const worker = startWorkerThread();
    // It holds no process up until it has something to do.
    worker.unref();
    // One that ends while it waits is replaced when the next one is taken, not before: it may end again.
    const forget = () => this.#waiting.delete(worker);
    worker.once('error', forget).once('exit', forget);
    worker.once('message', () => {
      if (this.#waiting.has(worker)) this.#waiting.set(worker, true);
    });
    this.#waiting.set(worker, false);
    return worker;
  }
}
