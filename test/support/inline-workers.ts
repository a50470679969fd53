import { EventEmitter } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { WorkerHold } from '../../src/engine/memory/partition-holder.ts';
import { PartitionWorker, type PartitionWorkerData } from '../../src/engine/partition-worker.ts';
import { int32s } from '../../src/threads/shared-memory.ts';

/** An engine's workers on the test's thread: they run between two turns of the event loop. */
export class InlineWorkers {
  readonly #workers = new Map<PartitionWorker, EventEmitter>();
  #turn: NodeJS.Immediate | undefined;

  /** For `EngineOptions.spawn`. */
  readonly spawn = (data: PartitionWorkerData): Worker => {
    const thread = new EventEmitter();
    setImmediate(() => {
      new WorkerHold(int32s(data.memory.ticks)).acquire();
      const report = (message: object) => thread.emit('message', message);
      const worker = new PartitionWorker(data, { timeReplaced: report, ruleFaults: report });
      worker.takeOver();
      this.#workers.set(worker, thread);
      thread.emit('message', 'running');
      this.#turn ??= setImmediate(this.#run);
    });
    return thread as unknown as Worker;
  };

  /** The process dies. */
  kill(): void {
    clearImmediate(this.#turn);
    this.#workers.clear();
  }

  readonly #run = (): void => {
    for (const [worker, thread] of this.#workers) {
      let next = worker.step();
      while (next === 'step') next = worker.step();
      if (next !== 'end') continue;
      this.#workers.delete(worker);
      thread.emit('exit', 0);
    }
    if (this.#workers.size > 0) this.#turn = setImmediate(this.#run);
  };
}
