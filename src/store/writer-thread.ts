import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { answerCalls } from '../threads/thread-calls.ts';
import { writeBatch } from './batches.ts';
import {
  checkTwin,
  DATABASE_FILE,
  KIND_NAMES,
  type KindName,
  type OwnedDatabases,
  openDatabases,
} from './databases.ts';
import type { Claim } from './lock/claim.ts';
import { sweepSlices } from './pruning.ts';
import { Reserve } from './reserve.ts';
import type { Removed, RetentionLimits, SweepLimits, Swept } from './store.ts';

export interface WriterData {
  readonly directory: string;
  readonly claim: Claim;
  readonly retention: RetentionLimits;
}

/** What the thread is asked. */
export interface WriterFunctions {
  /** Returns what was removed to keep within the limit by symbol. */
  write(written: { readonly kind: KindName; readonly batch: Uint8Array<ArrayBuffer> }): Removed;
  sweep(limits: SweepLimits): Promise<Swept>;
}

/** Pause between two slices of a sweep, ms. */
const SWEEP_PAUSE_MS = 2;

/*
 * The thread that writes: the only one that waits for the disk. It does not use LMDB's asynchronous
 * writes: after a failed one they hold its lock for ever.
 */
const port = parentPort;
if (port === null) throw new Error('writer-thread.ts is the entry of a worker thread');
const { directory, claim, retention } = workerData as WriterData;
const path = join(directory, DATABASE_FILE);
const opened = openDatabases(path, 'write');
const databases: Readonly<Record<KindName, OwnedDatabases>> = {
  anomalies: own('anomalies'),
  alerts: own('alerts'),
};
checkTwin(opened.anomalies);

function own(kind: KindName) {
  return { ...opened[kind], claim, reserve: new Reserve(path, opened[kind]) };
}

async function sweep(limits: SweepLimits): Promise<Swept> {
  let [age, perSymbol, heldBack] = [0, 0, 0];
  for (const kind of KIND_NAMES) {
    for (const slice of sweepSlices(databases[kind], retention, limits)) {
      age += slice.age;
      perSymbol += slice.perSymbol;
      heldBack += slice.heldBack;
      // Lets waiting batches go first, and other threads run.
      await setTimeout(SWEEP_PAUSE_MS);
    }
  }
  return { age, perSymbol, heldBack };
}

const functions: WriterFunctions = {
  write({ kind, batch: { buffer, byteOffset, byteLength } }) {
    const batch = Buffer.from(buffer, byteOffset, byteLength);
    return { age: 0, perSymbol: writeBatch(databases[kind], batch, retention.perSymbol) };
  },
  sweep,
};

answerCalls(port, functions, async () => {
  await opened.anomalies.root.close();
  for (const kind of KIND_NAMES) databases[kind].reserve.close();
});
