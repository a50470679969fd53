import { Worker } from 'node:worker_threads';
import type {
  PartitionWorkerData,
  RuleFaults,
  TimeReplaced,
  WorkerReports,
} from './partition-worker.ts';

/** Starts a worker on a partition's memory. */
export type SpawnWorker = (data: PartitionWorkerData) => Worker;

/**
 * A worker that dies within {@link CALM_MS} of its start delays the next start by this long, ms,
 * doubled each time: a worker that dies immediately must not restart without end. `/readyz` reports
 * it.
 */
const BACKOFF_MS_MIN = 10;
const BACKOFF_MS_MAX = 1000;
const CALM_MS = 500;

/** Called when a worker dies, with the cause and whether it failed by itself. */
export type OnDeath = (cause: Error, hasFailed: boolean) => void;

/** Keeps one partition's worker running: replaces one that dies, on the same memory. */
export class PartitionThread {
  restarts = 0;
  /** Resolves when a worker runs. */
  readonly started: Promise<void>;
  readonly #reports: WorkerReports;
  readonly #data: PartitionWorkerData;
  readonly #onDeath: OnDeath;
  readonly #spawnWorker: SpawnWorker;
  #onRunning: () => void = () => undefined;
  #worker: Worker;
  #startedAt = 0;
  #backoffMs = 0;
  #isStopping = false;
  #ended: () => void = () => undefined;

  constructor(
    data: PartitionWorkerData,
    onDeath: OnDeath,
    spawn: SpawnWorker,
    reports: WorkerReports = {},
  ) {
    this.#data = data;
    this.#reports = reports;
    this.#onDeath = onDeath;
    this.#spawnWorker = spawn;
    this.started = new Promise((resolve) => {
      this.#onRunning = resolve;
    });
    this.#worker = this.#spawn();
  }

  /** Resolves when the worker has ended. Its ring tells it to stop. */
  stop(): Promise<void> {
    this.#isStopping = true;
    return new Promise((resolve) => {
      this.#ended = resolve;
    });
  }

  /** Kills the worker immediately: for drills and tests. */
  async kill(): Promise<void> {
    await this.#worker.terminate();
  }

  #spawn(): Worker {
    const worker = this.#spawnWorker(this.#data);
    worker.on('message', (message: string | TimeReplaced | RuleFaults) => {
      if (message === 'running') this.#onRunning();
      else if (typeof message !== 'object') return;
      else if ('faults' in message) this.#reports.ruleFaults?.(message);
      else this.#reports.timeReplaced?.(message);
    });
    this.#startedAt = performance.now();
    let failure: Error | undefined;
    // Without a listener an error would end the process.
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
    const wasCalm = performance.now() - this.#startedAt > CALM_MS;
    this.#backoffMs = wasCalm ? 0 : Math.min(BACKOFF_MS_MAX, this.#backoffMs * 2 || BACKOFF_MS_MIN);
    setTimeout(() => {
      this.#worker = this.#spawn();
    }, this.#backoffMs);
  }
}

/**
 * Decides which ticks are to blame for the death of a partition's workers: the worker failed by
 * itself, or a second one died before it had skipped the tick. A worker killed from outside does
 * not put its tick to blame.
 */
export class Quarantine {
  /** Ticks blamed so far, each counted once. */
  count = 0;
  /** Positions in the queue: the tick that the last worker died on, and the last tick blamed. */
  #suspect: number | undefined;
  #blamed: number | undefined;

  /**
   * Records the death of a worker.
   *
   * @param position of the tick that it was applying; undefined if none
   * @param hasFailed whether it ended by an error of its own
   * @returns whether that tick is to blame
   */
  judge(position: number | undefined, hasFailed: boolean): boolean {
    const isSecond = this.#suspect === position;
    this.#suspect = position;
    if (position === undefined || !(hasFailed || isSecond)) return false;
    if (this.#blamed !== position) this.count++;
    this.#blamed = position;
    return true;
  }
}

/** Delay of the first standby thread, ms: the server's start gets the processors to itself. */
const PREPARE_AFTER_MS = 1000;
/** Standby threads: a tick that kills its worker may also kill the successor that cleans up. */
const THREADS = 2;

/**
 * Threads that have loaded the worker's code and wait to become some partition's worker. A thread
 * takes half a second to start on a busy machine, during which the ticks of a dead worker's
 * partition wait.
 */
export class Standby {
  /** Waiting threads, oldest first, and whether each has loaded everything. */
  readonly #waiting = new Map<Worker, boolean>();
  #isWanted = false;
  #timer: NodeJS.Timeout | undefined;

  /** Keeps threads ready from {@link PREPARE_AFTER_MS} on. */
  begin(): void {
    this.#isWanted = true;
    this.#timer = setTimeout(this.#prepare, PREPARE_AFTER_MS).unref();
  }

  /** Whether all threads are ready. */
  get isReady(): boolean {
    return this.#waiting.size === THREADS && [...this.#waiting.values()].every(Boolean);
  }

  /**
   * Turns a waiting thread, or else a new one, into a partition's worker; starts another once it
   * runs.
   */
  readonly take = (data: PartitionWorkerData): Worker => {
    const [worker = this.#start()] = this.#waiting.keys();
    this.#waiting.delete(worker);
    worker.ref();
    worker.on('message', (message) => {
      if (message === 'running') this.#prepare();
    });
    // A thread that is still loading finds the message afterwards.
    worker.postMessage(data);
    return worker;
  };

  /** Ends the waiting threads and keeps no more. */
  async end(): Promise<void> {
    this.#isWanted = false;
    clearTimeout(this.#timer);
    await Promise.all([...this.#waiting.keys()].map((worker) => worker.terminate()));
  }

  /** Starts missing threads, one after the other. */
  readonly #prepare = (): void => {
    const isLoading = [...this.#waiting.values()].includes(false);
    if (this.#isWanted && !isLoading && this.#waiting.size < THREADS) this.#start();
  };

  #start(): Worker {
    const worker = startThread();
    // It does not keep the process alive until it has work.
    worker.unref();
    // Replaced only when the next thread is taken: it might end again at once.
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

/**
 * Starts a thread that becomes the worker of the partition whose {@link PartitionWorkerData} is
 * posted to it. From the built JavaScript, or in tests from the TypeScript source: there a
 * bootstrap script registers the loader, which workers do not inherit on Node 20.
 */
function startThread(): Worker {
  const isBuilt = import.meta.url.endsWith('.js');
  if (isBuilt) return new Worker(new URL('./partition-thread.js', import.meta.url));
  const entry = new URL('./partition-thread.ts', import.meta.url).href;
  const bootstrap = new URL('../../scripts/ts-worker.mjs', import.meta.url);
  return new Worker(bootstrap, { workerData: { entry } });
}
