import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { writeBatch } from './batches.ts';
import { checkTwin, DATABASE_FILE, openDatabases } from './databases.ts';
import { type Claim, StoreLostError } from './lock/claim.ts';
import { sweepSlices } from './pruning.ts';
import { Reserve } from './reserve.ts';
import type { RetentionLimits, SweepLimits, Swept } from './store.ts';

export interface WriterData {
  readonly directory: string;
  readonly claim: Claim;
  readonly retention: RetentionLimits;
}

export type WriterRequest =
  | { readonly kind: 'write'; readonly id: number; readonly batch: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'sweep'; readonly id: number; readonly limits: SweepLimits }
  | { readonly kind: 'close'; readonly id: number };

/** The answer with id 0 reports that the thread is ready. */
export interface WriterAnswer {
  readonly id: number;
  /** Anomalies removed. */
  readonly removed: Swept;
  readonly fault: string | undefined;
  /** Whether the fault is that the directory is another server's now. */
  readonly isLost?: boolean;
}

/** Pause between two slices of a sweep, ms. */
const SWEEP_PAUSE_MS = 2;
const NOTHING: Swept = { age: 0, perSymbol: 0, heldBack: 0 };

/*
 * The thread that writes: the only one that waits for the disk. It does not use LMDB's asynchronous
 * writes: after a failed one they hold its lock for ever.
 */
const port = parentPort;
if (port === null) throw new Error('writer-thread.ts is the entry of a worker thread');
const { directory, claim, retention } = workerData as WriterData;
const path = join(directory, DATABASE_FILE);
const opened = openDatabases(path, 'write');
const reserve = new Reserve(path, opened);
const databases = { ...opened, claim, reserve };
checkTwin(databases);
port.postMessage({ id: 0, removed: NOTHING, fault: undefined } satisfies WriterAnswer);

async function perform(request: WriterRequest): Promise<Swept> {
  if (request.kind === 'write') {
    const { buffer, byteOffset, byteLength } = request.batch;
    const batch = Buffer.from(buffer, byteOffset, byteLength);
    return { ...NOTHING, perSymbol: writeBatch(databases, batch, retention.perSymbol) };
  }
  if (request.kind === 'close') {
    await databases.root.close();
    reserve.close();
    return NOTHING;
  }
  let [age, perSymbol, heldBack] = [0, 0, 0];
  for (const slice of sweepSlices(databases, retention, request.limits)) {
    age += slice.age;
    perSymbol += slice.perSymbol;
    heldBack += slice.heldBack;
    // Lets waiting batches go first, and other threads run.
    await setTimeout(SWEEP_PAUSE_MS);
  }
  return { age, perSymbol, heldBack };
}

port.on('message', (request: WriterRequest) => {
  perform(request).then(
    (removed) => {
      port.postMessage({ id: request.id, removed, fault: undefined } satisfies WriterAnswer);
      if (request.kind === 'close') port.close();
    },
    (error: unknown) => {
      const fault = error instanceof Error ? error.message : String(error);
      const isLost = error instanceof StoreLostError;
      port.postMessage({ id: request.id, removed: NOTHING, fault, isLost } satisfies WriterAnswer);
    },
  );
});
