import type { Worker } from 'node:worker_threads';
import type { PartitionWorkerData } from './partition-worker.ts';
import type { SpawnWorker } from './spawn-worker.ts';

/**
 * Deaths within {@link CALM_MS} of a start make the next start wait: this long, doubled each time, ms. Only what dies at once
 * would otherwise be started without end; whoever dies later is replaced without a wait, and `/readyz` tells.
 */
const BACKOFF_MS_MIN = 10;
const BACKOFF_MS_MAX = 1000;
const CALM_MS = 500;

/** Told that a worker died: why, and whether by an error of its own. */
export type OnDeath = (cause: Error, hasFailed: boolean) => void;

/** Keeps one partition worker running: one that dies is replaced by one on the same memory. */
export class PartitionThread {
  restarts = 0;
  /** Resolves when a worker runs. */
  readonly started: Promise<void>;
  readonly #data: PartitionWorkerData;
  readonly #onDeath: OnDeath;
  readonly #spawnWorker: SpawnWorker;
  #onRunning: () => void = () => undefined;
  #worker: Worker;
  #startedAt = 0;
  #backoffMs = 0;
  #isStopping = false;
  #ended: () => void = () => undefined;

  constructor(data: PartitionWorkerData, onDeath: OnDeath, spawn: SpawnWorker) {
    this.#data = data;
    this.#onDeath = onDeath;
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
    worker.on('message', (message) => {
      if (message === 'running') this.#onRunning();
    });
    this.#startedAt = Date.now();
    let failure: Error | undefined;
    // Without a listener for errors the whole process would end.
    worker.on('error', (error) => {
      failure = error instanceof Error ? error : new Error(String(error));
    });
    worker.on('exit', (code) => {
      if (this.#isStopping && code === 0) this.#ended();
      else this.#replace(failure);
    });
    return worker;
  }

  #replace(failure: Error | undefined): void {
    this.restarts++;
    this.#onDeath(failure ?? new Error('the worker ended'), failure !== undefined);
    const wasCalm = Date.now() - this.#startedAt > CALM_MS;
    this.#backoffMs = wasCalm ? 0 : Math.min(BACKOFF_MS_MAX, this.#backoffMs * 2 || BACKOFF_MS_MIN);
    setTimeout(() => {
      this.#worker = this.#spawn();
    }, this.#backoffMs);
  }
}
