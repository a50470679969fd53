import { type CallFault, startThread, ThreadCaller } from '../threads/thread-calls.ts';
import type { KindName } from './databases.ts';
import type { Held, ReaderData, ReaderFunctions } from './reader-thread.ts';
import { StoreError } from './store.ts';

/** Reads the disk. Calls reject with the error of LMDB when that fails. */
export type Reader = Pick<ThreadCaller<ReaderFunctions>, 'call' | 'close' | 'isAlive'>;

/** What the database holds when it is opened, by kind. */
export type HeldByKind = Readonly<Record<KindName, Held>>;

export type StartReader = (directory: string) => Promise<{ reader: Reader; held: HeldByKind }>;

/**
 * Starts the thread that reads and opens the database, which must exist.
 *
 * @throws StoreError if it holds what this program cannot read
 */
export const startReader: StartReader = async (directory) => {
  const worker = startThread(import.meta.url, './reader-thread', {
    directory,
  } satisfies ReaderData);
  const reader = new ThreadCaller<ReaderFunctions>(worker, 'reader', errorOf);
  try {
    await reader.ready;
    const anomalies = await reader.call('open', { kind: 'anomalies' });
    const alerts = await reader.call('open', { kind: 'alerts' });
    return { reader, held: { anomalies, alerts } };
  } catch (error) {
    await reader.terminate();
    throw error;
  }
};

function errorOf({ name, message }: CallFault): Error {
  return name === 'StoreError' ? new StoreError(message) : new Error(message);
}
