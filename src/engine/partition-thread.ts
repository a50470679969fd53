import type { Worker } from 'node:worker_threads';
import type { PartitionWorkerData } from './partition-worker.ts';
import { type SpawnWorker, spawnPartitionWorker } from './spawn-worker.ts';

/** Deaths within {@link CALM_MS} of a start make the next start wait: this long, doubled each time, ms. */
const BACKOFF_MS_MIN = 10;
const BACKOFF_MS_MAX = 1000;
const CALM_MS = 5000;

/** Keeps one partition worker running: one that dies is replaced by one on the same memory. */
export class PartitionThread {
  restarts = 0;
  /** Resolves when a worker runs. */
  readonly started: Promise<void>;
  readonly #data: PartitionWorkerData;
  readonly #onRestart: (cause: Error) => void;
  readonly #spawnWorker: SpawnWorker;
  #onRunning: () => void = () => undefined;
  #worker: Worker;
  #startedAt = 0;
  #backoffMs = 0;
  #isStopping = false;
  #ended: () => void = () => undefined;

  /** @param spawn what to run a worker with: a thread, unless something stands in for it */
  constructor(
    data: PartitionWorkerData,
    onRestart: (cause: Error) => void,
    spawn: SpawnWorker = spawnPartitionWorker,
  ) {
    this.#data = data;
    this.#onRestart = onRestart;
    this.#spawnWorker = spawn;
    this.started = new Promise((resolve) => {
      this.#onRunning = resolve;
    });
    this.#worker = this.#spawn();
  }

  /** Resolves when the worker has ended, which it does once told through its ring. */
  stop(): Promise<void> {
    this.#isStopping = true;
    return new Promise((resolve) => {
      this.#ended = resolve;
    });
  }

  /** Kills the worker at once, wherever it is: for tests of what happens then. */
  async kill(): Promise<void> {
    await this.#worker.terminate();
  }

  #spawn(): Worker {
    const worker = this.#spawnWorker(this.#data);
    worker.once('message', () => this.#onRunning());
    this.#startedAt = Date.now();
    let cause = new Error('the worker ended');
    // Without a listener for errors the whole process would end.
    worker.on('error', (error) => {
      cause = error instanceof Error ? error : new Error(String(error));
    });
    worker.on('exit', (code) => {
      if (this.#isStopping && code === 0) this.#ended();
      else this.#replace(cause);
    });
    return worker;
  }

  #replace(cause: Error): void {
    this.restarts++;
    this.#onRestart(cause);
    const wasCalm = Date.now() - this.#startedAt > CALM_MS;
    this.#backoffMs = wasCalm ? 0 : Math.min(BACKOFF_MS_MAX, this.#backoffMs * 2 || BACKOFF_MS_MIN);
    setTimeout(() => {
      this.#worker = this.#spawn();
    }, this.#backoffMs);
  }
}
