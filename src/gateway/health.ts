import type { Store } from '../store/index.ts';

const WINDOW_MS = 60_000;
/** Restarts of a partition's worker within the window that make the server unready. */
const RESTARTS_MAX = 5;

/** The journal, as far as readiness follows it. */
export interface JournalHealth {
  readonly fault: string | undefined;
  /** Whether ticks are served that it does not get. */
  readonly isInGap: boolean;
}

/** Decides whether the server is ready for requests. */
export class Health {
  /** Whether a stop has begun. */
  isStopping = false;
  /** Why the last snapshot was not saved; undefined if it was, or there was none. */
  snapshotFault: string | undefined;
  /** How much of the journal is replayed, 0 to 1; undefined once everything is. */
  replayed: number | undefined;
  /** Why the rule file is not in force as it is; undefined if it is. */
  rulesFault: string | undefined;
  /** What does not get to disk, and so not over a crash. */
  journal: JournalHealth | undefined;
  /** Why clients do not get what other servers know; undefined if they do. */
  clusterFault: () => string | undefined = () => undefined;
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
    return this.journalFault() ?? this.#snapshotsFault();
  }

  /** Why ticks do not get into the journal; undefined if they do. */
  journalFault(): string | undefined {
    const fault = this.journal?.fault;
    if (this.journal?.isInGap === true) return `ticks are not journaled: ${fault ?? 'it is full'}`;
    return fault && `the journal cannot be written: ${fault}`;
  }

  #snapshotsFault(): string | undefined {
    return this.snapshotFault && `no snapshot can be saved: ${this.snapshotFault}`;
  }

  /** Why the server is not ready; undefined if it is. */
  fault(): string | undefined {
    if (this.isStopping) return 'the server is stopping';
    if (this.replayed !== undefined) {
      return `replaying the journal, ${Math.floor(100 * this.replayed)} % done`;
    }
    return this.storeFault() ?? this.#workerFault() ?? this.clusterFault();
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
