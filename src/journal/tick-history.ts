import { Worker } from 'node:worker_threads';
import { JournalError } from './journal-error.ts';
import type { TickPage, TickQuery } from './tick-archive.ts';
import type {
  TickHistoryAnswer,
  TickHistoryData,
  TickHistoryRequest,
} from './tick-history-thread.ts';

/** Requests that may wait. */
const WAITING_MAX = 32;

/** Too many requests wait: to be tried again later. */
export class TickHistoryBusyError extends Error {
  override readonly name = 'TickHistoryBusyError';
}

interface Waiting {
  readonly resolve: (page: TickPage) => void;
  readonly reject: (error: Error) => void;
}

/** Reads the ticks of a journal on a thread of its own, which the first request starts. */
export class TickHistory {
  readonly #data: TickHistoryData;
  readonly #end: () => number;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #nextId = 1;

  /**
   * @param directory of the journal
   * @param maxFutureMs how far a tick's time may be ahead of its receipt, ms
   * @param end position up to which the journal is on disk
   */
  constructor(directory: string, maxFutureMs: number, end: () => number) {
    this.#data = { directory, maxFutureMs };
    this.#end = end;
  }

  /**
   * A page of the ticks of a symbol.
   *
   * @throws TickHistoryBusyError if too many requests wait; JournalError if it cannot be read
   */
  async page(query: TickQuery): Promise<TickPage> {
    if (this.#waiting.size >= WAITING_MAX) {
      throw new TickHistoryBusyError(`${WAITING_MAX} requests wait for ticks`);
    }
    this.#worker ??= this.#start();
    const id = this.#nextId++;
    const page = new Promise<TickPage>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    this.#worker.postMessage({ id, query, end: this.#end() } satisfies TickHistoryRequest);
    return page;
  }

  /** Ends the thread. Requests that wait are rejected. */
  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = spawn(this.#data);
    worker.unref();
    let reason = 'the thread that reads it has ended';
    worker.on('message', (answer: TickHistoryAnswer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if ('page' in answer) waiting?.resolve(answer.page);
      else waiting?.reject(new JournalError(answer.fault));
    });
    worker.on('error', (error) => {
      reason = error instanceof Error ? error.message : String(error);
    });
    worker.on('exit', () => {
      // The next request starts another.
      this.#worker = undefined;
      for (const { reject } of this.#waiting.values()) reject(new JournalError(reason));
      this.#waiting.clear();
    });
    return worker;
  }
}

/** Runs the built JavaScript or, in tests, the TypeScript source. */
function spawn(data: TickHistoryData): Worker {
  const isBuilt = import.meta.url.endsWith('.js');
  if (isBuilt) {
    return new Worker(new URL('./tick-history-thread.js', import.meta.url), { workerData: data });
  }
  const entry = new URL('./tick-history-thread.ts', import.meta.url).href;
  const bootstrap = new URL('../../scripts/ts-worker.mjs', import.meta.url);
  return new Worker(bootstrap, { workerData: { ...data, entry } });
}
