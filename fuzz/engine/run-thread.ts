import { Worker } from 'node:worker_threads';
import type { Progress } from './campaign.ts';
import type { FuzzThreadData, FuzzThreadMessage } from './fuzz-thread.ts';
import { SharedInput } from './shared-input.ts';

/** An input that takes longer than this, on however busy a machine, is taken to have no end. */
const HANG_MS = 60_000;
const LOOK_EVERY_MS = 500;
const INPUT_BYTES_MAX = 2 ** 21;
const HEAP_MEGABYTES_MAX = 768;

/** What a thread is to fuzz, and for how long. */
export type ThreadOrder = Omit<FuzzThreadData, 'memory'>;

/** Called with each fault. */
export type FindingSeen = (input: Uint8Array, fault: string) => void;

/**
 * Fuzzes one target in a thread of its own, so that an input that never ends or takes all memory is
 * a finding like any other; the campaign is over then.
 *
 * @returns how far it came; undefined when it did not come to its end
 */
export function runThread(order: ThreadOrder, seen: FindingSeen): Promise<Progress | undefined> {
  const current = new SharedInput(INPUT_BYTES_MAX);
  const worker = new Worker(new URL('./fuzz-thread.js', import.meta.url), {
    workerData: { ...order, memory: current.memory },
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES_MAX },
  });
  let turn = -1;
  let since = performance.now();
  return new Promise((resolve) => {
    const end = (progress: Progress | undefined) => {
      clearInterval(timer);
      void worker.terminate().then(() => resolve(progress));
    };
    const timer = setInterval(() => {
      if (current.turn !== turn) since = performance.now();
      turn = current.turn;
      if (turn % 2 === 0 || performance.now() - since < HANG_MS) return;
      seen(current.read(), `did not end within ${HANG_MS} ms`);
      end(undefined);
    }, LOOK_EVERY_MS);
    worker.on('message', (message: FuzzThreadMessage) => {
      if (message.kind === 'finding') seen(message.input, message.fault);
      else end(message.progress);
    });
    worker.on('error', (error) => {
      seen(current.read(), `the thread died: ${String(error)}`);
      end(undefined);
    });
  });
}
