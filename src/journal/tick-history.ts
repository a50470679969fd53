import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Journal } from './journal.ts';
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

/** The journal that is read, as its writer sees it. */
export type WrittenJournal = Pick<Journal, 'position' | 'syncedPosition' | 'whenSynced' | 'fault'>;

/** How long a page waits for what was appended before it was asked for, ms. */
const SYNC_WAIT_MS = 1000;

/**
 * Reads the ticks of a journal on a thread of its own, which the first request starts. What was
 * accepted before a request is in its pages, unless the disk fails or is slow.
 */
export class TickHistory {
  readonly #data: TickHistoryData;
  readonly #journal: WrittenJournal;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #nextId = 1;

  /**
   * @param directory of the journal
   * @param maxFutureMs how far a tick's time may be ahead of its receipt, ms
   */
  constructor(directory: string, maxFutureMs: number, journal: WrittenJournal) {
    this.#data = { directory, maxFutureMs };
    this.#journal = journal;
  }

  /**
   * A page of the ticks of a symbol.
   *
   * @throws TickHistoryBusyError if too many requests wait; JournalError if it cannot be read
   */
  async page(query: TickQuery): Promise<TickPage> {
    const journal = this.#journal;
    const { position, syncedPosition: end } = journal;
    const page = await this.#read(query, end);
    // Only a page that reached the end can miss what is not on disk yet.
    if (page.next !== undefined || end >= position || journal.fault !== undefined) return page;
    const timeout = new AbortController();
    await Promise.race([
      journal.whenSynced(position),
      setTimeout(SYNC_WAIT_MS, undefined, { ref: false, signal: timeout.signal }),
    ]);
    timeout.abort();
    const { syncedPosition } = journal;
    return syncedPosition > end ? this.#read(query, syncedPosition) : page;
  }

  /** Ends the thread. Requests that wait are rejected. */
  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  async #read(query: TickQuery, end: number): Promise<TickPage> {
    if (this.#waiting.size >= WAITING_MAX) {
      throw new TickHistoryBusyError(`${WAITING_MAX} requests wait for ticks`);
    }
    this.#worker ??= this.#start();
    const id = this.#nextId++;
    const page = new Promise<TickPage>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    this.#worker.postMessage({ id, query, end } satisfies TickHistoryRequest);
    return page;
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
