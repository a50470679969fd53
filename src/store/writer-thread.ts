import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { writeBatch } from './batches.ts';
import { checkTwin, DATABASE_FILE, openDatabases } from './databases.ts';
import { type Claim, StoreLostError } from './lock/claim.ts';
import { Reserve } from './reserve.ts';
import { pruneSlices, type RetentionLimits } from './retention.ts';

export interface WriterData {
  readonly directory: string;
  readonly claim: Claim;
}

export type WriterRequest =
  | { readonly kind: 'write'; readonly id: number; readonly batch: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'prune'; readonly id: number; readonly retention: RetentionLimits }
  | { readonly kind: 'close'; readonly id: number };

/** The answer with id 0 reports that the thread is ready. */
export interface WriterAnswer {
  readonly id: number;
  /** Anomalies removed by a prune. */
  readonly count: number;
  readonly fault: string | undefined;
  /** Whether the fault is that the directory is another server's now. */
  readonly isLost?: boolean;
}

/** Pause between two slices of a prune, ms. */
const PRUNE_PAUSE_MS = 2;

/*
 * The thread that writes: the only one that waits for the disk. It does not use LMDB's asynchronous
 * writes: after a failed one they hold its lock for ever.
 */
const port = parentPort;
if (port === null) throw new Error('writer-thread.ts is the entry of a worker thread');
const { directory, claim } = workerData as WriterData;
const path = join(directory, DATABASE_FILE);
const opened = openDatabases(path, 'write');
const reserve = new Reserve(path, opened);
const databases = { ...opened, claim, reserve };
checkTwin(databases);
port.postMessage({ id: 0, count: 0, fault: undefined } satisfies WriterAnswer);

async function perform(request: WriterRequest): Promise<number> {
  if (request.kind === 'write') {
    const { buffer, byteOffset, byteLength } = request.batch;
    writeBatch(databases, Buffer.from(buffer, byteOffset, byteLength));
    return 0;
  }
  if (request.kind === 'close') {
    await databases.root.close();
    reserve.close();
    return 0;
  }
  let count = 0;
  for (const removed of pruneSlices(databases, request.retention)) {
    count += removed;
    // Lets waiting batches go first, and other threads run.
    await setTimeout(PRUNE_PAUSE_MS);
  }
  return count;
}

port.on('message', (request: WriterRequest) => {
  perform(request).then(
    (count) => {
      port.postMessage({ id: request.id, count, fault: undefined } satisfies WriterAnswer);
      if (request.kind === 'close') port.close();
    },
    (error: unknown) => {
      const fault = error instanceof Error ? error.message : String(error);
      const isLost = error instanceof StoreLostError;
      port.postMessage({ id: request.id, count: 0, fault, isLost } satisfies WriterAnswer);
    },
  );
});
