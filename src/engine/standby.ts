import type { Worker } from 'node:worker_threads';
import type { PartitionWorkerData } from './partition-worker.ts';
import { startWorkerThread } from './spawn-worker.ts';

/**
 * One thread that has loaded everything and waits to become some partition's worker. On a busy machine a thread takes most of
 * a second to start, in which the ticks of a partition whose worker died would wait.
 */
export class Standby {
  #worker: Worker | undefined;
  /** Whether one is kept ready. */
  #isWanted = false;

  /** Keeps one ready from now on. */
  prepare(): void {
    this.#isWanted = true;
    if (this.#worker !== undefined) return;
    const worker = startWorkerThread();
    // It holds no process up until it has something to do.
    worker.unref();
    // One that ends while it waits is not started anew before it is needed: it may end again.
    worker.once('error', this.#forget).once('exit', this.#forget);
    this.#worker = worker;
  }

  /** The thread that was kept ready, or a new one, as a partition's worker; another is made ready once it runs. */
  readonly take = (data: PartitionWorkerData): Worker => {
    const worker = this.#worker ?? startWorkerThread();
    this.#worker = undefined;
    worker.off('error', this.#forget).off('exit', this.#forget).ref();
    worker.once('message', () => {
      if (this.#isWanted) this.prepare();
    });
    // One that has not finished loading finds it when it has.
    worker.postMessage(data);
    return worker;
  };

  /** Keeps none ready any more. */
  async end(): Promise<void> {
    this.#isWanted = false;
    await this.#worker?.terminate();
  }

  readonly #forget = (): void => {
    this.#worker = undefined;
  };
}
