import { Worker } from 'node:worker_threads';
import type { JournalReport, JournalRequest, JournalThreadData } from './journal-thread.ts';

/** Writes the ring to disk, on a thread of its own. */
export interface JournalWriter {
  retain(from: number): void;
  /** Writes and syncs everything, as far as the disk allows. Resolves when the thread has ended. */
  close(): Promise<void>;
}

export type StartJournalWriter = (
  data: JournalThreadData,
  onReport: (report: JournalReport) => void,
  /** The thread ended by an error of its own: another can go on from what is on disk. */
  onDeath: (reason: string) => void,
) => JournalWriter;

/** Starts the thread. */
export const startJournalWriter: StartJournalWriter = (data, onReport, onDeath) => {
  const worker = spawn(data);
  worker.unref();
  let isEnding = false;
  let reason = 'the thread has ended';
  worker.on('message', (report: JournalReport) => {
    if (report.isLost) isEnding = true;
    onReport(report);
  });
  worker.on('error', (error) => {
    reason = error instanceof Error ? error.message : String(error);
  });
  const ended = new Promise<void>((resolve) => {
    worker.on('exit', () => {
      if (!isEnding) onDeath(reason);
      resolve();
    });
  });
  const post = (request: JournalRequest) => worker.postMessage(request);
  return {
    retain: (from) => post({ kind: 'retain', from }),
    close: async () => {
      isEnding = true;
      worker.ref();
      post({ kind: 'close' });
      await ended;
    },
  };
};

/** Runs the built JavaScript or, in tests, the TypeScript source. */
function spawn(data: JournalThreadData): Worker {
  const isBuilt = import.meta.url.endsWith('.js');
  if (isBuilt) {
    return new Worker(new URL('./journal-thread.js', import.meta.url), { workerData: data });
  }
  const entry = new URL('./journal-thread.ts', import.meta.url).href;
  const bootstrap = new URL('../../scripts/ts-worker.mjs', import.meta.url);
  return new Worker(bootstrap, { workerData: { ...data, entry } });
}
