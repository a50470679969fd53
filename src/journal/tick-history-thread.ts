import { parentPort, workerData } from 'node:worker_threads';
import { reasonOf } from './journal-error.ts';
import { diskSegments } from './segment-files.ts';
import { TickArchive, type TickPage, type TickQuery } from './tick-archive.ts';

export interface TickHistoryData {
  readonly directory: string;
  readonly maxFutureMs: number;
}

export interface TickHistoryRequest {
  readonly id: number;
  readonly query: TickQuery;
  /** Position up to which the journal is whole. */
  readonly end: number;
}

export type TickHistoryAnswer =
  | { readonly id: number; readonly page: TickPage }
  | { readonly id: number; readonly fault: string };

/** The entry of the thread that reads ticks for HTTP: it waits for the disk, not the gateway. */
const port = parentPort;
if (port === null) throw new Error('tick-history-thread.ts is the entry of a worker thread');
const { directory, maxFutureMs } = workerData as TickHistoryData;
const archive = new TickArchive(diskSegments(directory), maxFutureMs);

port.on('message', ({ id, query, end }: TickHistoryRequest) => {
  try {
    const page = archive.page(query, end);
    port.postMessage({ id, page } satisfies TickHistoryAnswer, [
      page.prices.buffer,
      page.times.buffer,
    ]);
  } catch (error) {
    port.postMessage({ id, fault: reasonOf(error) } satisfies TickHistoryAnswer);
  }
});
