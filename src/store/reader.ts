import { type CallFault, startThread, ThreadCaller } from '../threads/thread-calls.ts';
import type { Held, ReaderData, ReaderFunctions } from './reader-thread.ts';
import { StoreError } from './store.ts';

/** Reads the disk. Calls reject with the error of LMDB when that fails. */
export type Reader = Pick<ThreadCaller<ReaderFunctions>, 'call' | 'close' | 'isAlive'>;

export type StartReader = (directory: string) => Promise<{ reader: Reader; held: Held }>;

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
    return { reader, held: await reader.call('open', undefined) };
  } catch (error) {
    await reader.terminate();
    throw error;
  }
};

function errorOf({ name, message }: CallFault): Error {
  return name === 'StoreError' ? new StoreError(message) : new Error(message);
}
