import type { Engine } from '../engine/index.ts';
import type { FanOut } from './fan-out.ts';
import type { PublishSession } from './publish-session.ts';

/** After a flush, sockets and ticks get this many times as long before the next one; nothing waits when little goes on. */
const REST_PER_FLUSH = 2;
/** No flush waits longer than this, ms. */
const REST_MS_MAX = 20;

/**
 * The gateway's work between reading sockets, gathered once a turn of the event loop: hand ticks to the workers,
 * acknowledge frames, fan out what changed. Sleeps, with the doorbell armed, when there is nothing.
 */
export class Turn {
  readonly #engine: Engine;
  readonly #fanOut: FanOut;
  readonly #publishers: ReadonlySet<PublishSession>;
  readonly #unacknowledged = new Set<PublishSession>();
  #isScheduled = false;
  #restTimer: NodeJS.Timeout | undefined;
  /** On the clock of `performance.now`. */
  #restUntil = 0;

  constructor(engine: Engine, fanOut: FanOut, publishers: ReadonlySet<PublishSession>) {
    this.#engine = engine;
    this.#fanOut = fanOut;
    this.#publishers = publishers;
  }

  /** Has the work done before this turn of the event loop ends, however often it is called. */
  readonly schedule = (): void => {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#run);
  };

  acknowledgementDue(session: PublishSession): void {
    this.#unacknowledged.add(session);
    this.schedule();
  }

  forget(session: PublishSession): void {
    this.#unacknowledged.delete(session);
  }

  stop(): void {
    clearTimeout(this.#restTimer);
  }

  readonly #run = (): void => {
    this.#isScheduled = false;
    this.#engine.deliver();
    for (const session of this.#unacknowledged) session.acknowledge();
    this.#unacknowledged.clear();
    const restMs = this.#restUntil - performance.now();
    if (restMs > 0) this.#rest(restMs);
    else this.#flush();
    // While it rests, the timer comes anyway: ringing would only cost system calls.
    if (this.#restTimer === undefined) this.#engine.armDoorbell(this.schedule);
    // Whatever came before the doorbell was armed has not rung it: space in the queues, changes, anomalies.
    for (const publisher of this.#publishers) publisher.offerCredit();
    if (this.#restTimer === undefined && this.#engine.hasNews()) this.schedule();
  };

  #flush(): void {
    if (!this.#engine.hasNews()) return;
    const start = performance.now();
    this.#fanOut.run();
    const end = performance.now();
    this.#restUntil = end + Math.min(REST_MS_MAX, (end - start) * REST_PER_FLUSH);
  }

  /** Comes back after the rest, in whole ms as timers go: never by turning round and round. */
  #rest(restMs: number): void {
    this.#restTimer ??= setTimeout(() => {
      this.#restTimer = undefined;
      this.#restUntil = 0;
      this.schedule();
    }, Math.ceil(restMs));
  }
}
