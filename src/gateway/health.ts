import type { Store } from '../store/index.ts';

const WINDOW_MS = 60_000;
/** Restarts of a partition's worker within the window that make the server unready. */
const RESTARTS_MAX = 5;

/** Decides whether the server is ready for requests. */
export class Health {
  /** Whether a stop has begun. */
  isStopping = false;
  /** Why the last snapshot was not saved; undefined if it was, or there was none. */
  snapshotFault: string | undefined;
  readonly #store: Pick<Store, 'fault'> | undefined;
  /** Times of restarts by the monotonic clock, ms, oldest first, by partition. */
  readonly #restarts = new Map<number, number[]>();

  constructor(store?: Pick<Store, 'fault'>) {
    this.#store = store;
  }

  /** A worker died and is being replaced. */
  workerRestarted(partition: number): void {
    const times = this.#restarts.get(partition) ?? [];
    times.push(performance.now());
    if (times.length > RESTARTS_MAX) times.shift();
    this.#restarts.set(partition, times);
  }

  /** Why something cannot be stored, or read; undefined if all is well. */
  storeFault(): string | undefined {
    const fault = this.#store?.fault;
    if (fault !== undefined) return `the store has failed: ${fault}`;
    return this.snapshotFault && `no snapshot can be saved: ${this.snapshotFault}`;
  }

  /** Why the server is not ready; undefined if it is. */
  fault(): string | undefined {
    if (this.isStopping) return 'the server is stopping';
    return this.storeFault() ?? this.#workerFault();
  }

  #workerFault(): string | undefined {
    const from = performance.now() - WINDOW_MS;
    for (const [partition, times] of this.#restarts) {
      if (times.length < RESTARTS_MAX || (times[0] as number) < from) continue;
      return `the worker of partition ${partition} died ${RESTARTS_MAX} times within a minute`;
    }
    return undefined;
  }
}
