import { Worker } from 'node:worker_threads';
import { StoreLostError } from './lock/claim.ts';
import { type Removed, StoreError, type SweepLimits, type Swept } from './store.ts';
import type { WriterAnswer, WriterData, WriterRequest } from './writer-thread.ts';

/** Writes to the disk. Every method rejects with a StoreError when the disk fails. */
export interface Writer {
  /** False once its thread has ended. */
  readonly isAlive: boolean;
  /**
   * Resolves when the batch is on disk, with what was removed to keep within the limit by symbol.
   * Transfers the batch's bytes.
   */
  write(batch: Uint8Array<ArrayBuffer>): Promise<Removed>;
  sweep(limits: SweepLimits): Promise<Swept>;
  close(): Promise<void>;
  /** Ends the thread at once. */
  terminate(): Promise<void>;
}

export type StartWriter = (data: WriterData) => Promise<Writer>;

interface Waiting {
  readonly resolve: (removed: Swept) => void;
  readonly reject: (error: StoreError) => void;
}

type Unnumbered<R> = R extends WriterRequest ? Omit<R, 'id'> : never;

/** Starts the writer thread; resolves when its database is open. */
export const startWriter: StartWriter = async (data) => {
  const writer = new ThreadWriter(spawnWriterThread(data));
  await writer.ready;
  return writer;
};

/** Runs the built JavaScript or, in tests, the TypeScript source. */
function spawnWriterThread(data: WriterData): Worker {
  const isBuilt = import.meta.url.endsWith('.js');
  if (isBuilt) {
    return new Worker(new URL('./writer-thread.js', import.meta.url), { workerData: data });
  }
  const entry = new URL('./writer-thread.ts', import.meta.url).href;
  const bootstrap = new URL('../../scripts/ts-worker.mjs', import.meta.url);
  return new Worker(bootstrap, { workerData: { ...data, entry } });
}

class ThreadWriter implements Writer {
  readonly ready: Promise<unknown>;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ended: Promise<void>;
  #nextId = 1;
  #isAlive = true;
  #isClosing = false;
  #fault = 'the writer thread has ended';

  constructor(worker: Worker) {
    this.#worker = worker;
    this.ready = new Promise((resolve, reject) => this.#waiting.set(0, { resolve, reject }));
    worker.on('message', (answer: WriterAnswer) => this.#settle(answer));
    worker.on('error', (error: Error) => {
      this.#fault = `the writer thread has failed: ${error.message}`;
    });
    this.#ended = new Promise((resolve) => {
      worker.on('exit', () => {
        this.#isAlive = false;
        for (const { reject } of this.#waiting.values()) reject(new StoreError(this.#fault));
        this.#waiting.clear();
        resolve();
      });
    });
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  async write(batch: Uint8Array<ArrayBuffer>): Promise<Removed> {
    return this.#request({ kind: 'write', batch }, [batch.buffer]);
  }

  async sweep(limits: SweepLimits): Promise<Swept> {
    return this.#request({ kind: 'sweep', limits }, []);
  }

  async close(): Promise<void> {
    if (!this.#isAlive) return;
    this.#isClosing = true;
    await this.#request({ kind: 'close' }, []);
    await this.#ended;
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
    await this.#ended;
  }

  async #request(request: Unnumbered<WriterRequest>, transfer: ArrayBuffer[]): Promise<Swept> {
    if (!this.#isAlive) throw new StoreError(this.#fault);
    const id = this.#nextId++;
    const { promise, resolve, reject } = withResolvers();
    this.#waiting.set(id, { resolve, reject });
    // Keeps the process alive only while a request is open.
    this.#worker.ref();
    this.#worker.postMessage({ ...request, id }, transfer);
    return promise;
  }

  #settle({ id, removed, fault, isLost }: WriterAnswer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0 && !this.#isClosing) this.#worker.unref();
    if (fault === undefined) waiting?.resolve(removed);
    else waiting?.reject(isLost === true ? new StoreLostError(fault) : new StoreError(fault));
  }
}

function withResolvers(): Waiting & { promise: Promise<Swept> } {
  let resolve: Waiting['resolve'] = () => {};
  let reject: Waiting['reject'] = () => {};
  const promise = new Promise<Swept>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
