import { type CallFault, Moved, startThread, ThreadCaller } from '../threads/thread-calls.ts';
import type { KindName } from './databases.ts';
import { StoreLostError } from './lock/claim.ts';
import { type Removed, StoreError, type SweepLimits, type Swept } from './store.ts';
import type { WriterData, WriterFunctions } from './writer-thread.ts';

/** Writes to the disk. Every method rejects with a StoreError when the disk fails. */
export interface Writer {
  /** False once its thread has ended. */
  readonly isAlive: boolean;
  /**
   * Resolves when the batch is on disk, with what was removed to keep within the limit by symbol.
   * Transfers the batch's bytes.
   */
  write(kind: KindName, batch: Uint8Array<ArrayBuffer>): Promise<Removed>;
  sweep(limits: SweepLimits): Promise<Swept>;
  close(): Promise<void>;
  /** Ends the thread at once. */
  terminate(): Promise<void>;
}

export type StartWriter = (data: WriterData) => Promise<Writer>;

/** Starts the writer thread; resolves when its database is open. */
export const startWriter: StartWriter = async (data) => {
  const worker = startThread(import.meta.url, './writer-thread', data);
  const thread = new ThreadCaller<WriterFunctions>(worker, 'writer', errorOf);
  await thread.ready;
  return {
    get isAlive() {
      return thread.isAlive;
    },
    write: (kind, batch) => thread.call('write', new Moved({ kind, batch }, [batch.buffer])),
    sweep: (limits) => thread.call('sweep', limits),
    close: () => thread.close(),
    terminate: () => thread.terminate(),
  };
};

function errorOf({ name, message }: CallFault): StoreError {
  return name === 'StoreLostError' ? new StoreLostError(message) : new StoreError(message);
}
