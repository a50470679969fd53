import { setTimeout as delay } from 'node:timers/promises';
import { StoreError } from '../../src/store/index.ts';
import { type StartWriter, startWriter, type Writer } from '../../src/store/writer.ts';

/** Makes a store's disk fail or slow down, between the store and its writer thread. */
export class FaultyDisk {
  /** Write failure, if any. */
  failure: string | undefined;
  /** Extra time of a write. */
  writeMs = 0;
  /** The newest writer. */
  writer: Writer | undefined;

  readonly startWriter: StartWriter = async (directory) => {
    const real = await startWriter(directory);
    this.writer = {
      get isAlive() {
        return real.isAlive;
      },
      write: async (batch) => {
        if (this.writeMs > 0) await delay(this.writeMs);
        if (this.failure !== undefined) throw new StoreError(this.failure);
        await real.write(batch);
      },
      prune: (limits) => real.prune(limits),
      close: () => real.close(),
      terminate: () => real.terminate(),
    };
    return this.writer;
  };
}
