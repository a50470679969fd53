const WINDOW_MS = 60_000;
/** Restarts of a partition's worker inside the window that are too many. */
const RESTARTS_MAX = 5;

/** Judges whether workers die too often for the server to be of use. */
export class WorkerHealth {
  /** Times of restarts, ms since the epoch, oldest first, by partition. */
  readonly #restarts = new Map<number, number[]>();

  /** A worker died and is being replaced. */
  restarted(partition: number): void {
    const times = this.#restarts.get(partition) ?? [];
    times.push(Date.now());
    if (times.length > RESTARTS_MAX) times.shift();
    this.#restarts.set(partition, times);
  }

  /** What is wrong, in words; undefined when nothing is. */
  fault(): string | undefined {
    const from = Date.now() - WINDOW_MS;
    for (const [partition, times] of this.#restarts) {
      if (times.length < RESTARTS_MAX || (times[0] as number) < from) continue;
      return `the worker of partition ${partition} died ${RESTARTS_MAX} times within a minute`;
    }
    return undefined;
  }
}
