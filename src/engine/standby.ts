import type { Worker } from 'node:worker_threads';
import type { PartitionWorkerData } from './partition-worker.ts';
import { startWorkerThread } from './spawn-worker.ts';

/** A start, and what begins with it, has the processors for itself for so long. */
const PREPARE_AFTER_MS = 1000;
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
  #timer: NodeJS.Timeout | undefined;

  /** Keeps threads ready from soon on. */
  begin(): void {
    this.#isWanted = true;
    this.#timer = setTimeout(this.#prepare, PREPARE_AFTER_MS).unref();
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
      if (message === 'running') this.#prepare();
    });
    // One that has not finished loading finds it when it has.
    worker.postMessage(data);
    return worker;
  };

  /** Keeps none any more. */
  async end(): Promise<void> {
    this.#isWanted = false;
    clearTimeout(this.#timer);
    await Promise.all([...this.#waiting.keys()].map((worker) => worker.terminate()));
  }

  /** Starts what is missing, one after the other. */
  readonly #prepare = (): void => {
    const isLoading = [...this.#waiting.values()].includes(false);
    if (this.#isWanted && !isLoading && this.#waiting.size < THREADS) this.#start();
  };

  #start(): Worker {
    const worker = startWorkerThread();
    // It holds no process up until it has something to do.
    worker.unref();
    // One that ends while it waits is replaced when the next one is taken, not before: it may end again.
    const forget = () => this.#waiting.delete(worker);
    worker.once('error', forget).once('exit', forget);
    worker.once('message', () => {
      if (!this.#waiting.has(worker)) return;
      this.#waiting.set(worker, true);
      this.#prepare();
    });
    this.#waiting.set(worker, false);
    return worker;
  }
}
