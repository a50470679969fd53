import { assertEqual } from '../assert.ts';
import { RingWord } from './tick-ring.ts';

/*
 * Who may step a partition, that is, touch any of its memory but the producer's end of its queue:
 * one word, HOLDER in the header of its tick ring.
 *
 *               rests                takes
 *    WORKER ─────────────▶ NOBODY ─────────────▶ GATEWAY
 *      ▲ ▲ wakes, is woken   │ ▲    gives back    │ │ │
 *      │ └───────────────────┘ └──────────────────┘ │ │ a tick threw
 *      │               hands over, wakes            │ └───────────────▶ FAILED
 *      └────────────────────────────────────────────┘                      │
 *      └──────────────── a worker finds it, and dies of it ────────────────┘
 *
 * The worker sleeps in NOBODY, in `Atomics.wait` on this word. Each change is atomic, and the one
 * who makes it has finished with the partition: the next holder sees all that it wrote. From NOBODY
 * both may take the partition, by compare-and-exchange; WORKER and GATEWAY are left by their holder
 * alone. GATEWAY lasts for one call on the gateway's thread: nothing else of it happens meanwhile.
 *
 * A wake-up cannot be lost: the gateway makes work (ticks, requests, the stop) visible and then
 * looks at HOLDER; a worker goes to NOBODY and then looks for work. Giving back wakes nobody,
 * because all work there was is done: only the gateway makes work.
 *
 * A worker that is killed leaves WORKER, if it was awake, and its successor takes over; or NOBODY,
 * and then partition and gateway go on: nothing was under way.
 */
const { HOLDER } = RingWord;
export const Holder = { WORKER: 0, NOBODY: 1, GATEWAY: 2, FAILED: 3 } as const;
const { FAILED, GATEWAY, NOBODY, WORKER } = Holder;

/** Longest sleep, ms: bounds the delay should a wake-up ever be lost. */
const SLEEP_MS_MAX = 1000;
/** Wait for the gateway, which gives back without a wake-up, ms. It holds for some µs. */
const HELD_MS = 1;

/** A tick threw on the gateway's thread: the worker that finds this ends, as if it had thrown. */
export class GatewayStepError extends Error {
  override readonly name = 'GatewayStepError';
}

/** The worker's end. */
export class WorkerHold {
  readonly #words: Int32Array;

  /** @param words of the tick ring */
  constructor(words: Int32Array) {
    this.#words = words;
  }

  /**
   * Takes the partition, as soon as the gateway does not hold it.
   *
   * @throws GatewayStepError if a tick threw there. The next one to call takes it, and repairs it
   */
  acquire(): void {
    for (;;) {
      const before = Atomics.compareExchange(this.#words, HOLDER, NOBODY, WORKER);
      if (before === FAILED) {
        Atomics.store(this.#words, HOLDER, WORKER);
        throw new GatewayStepError('a tick threw on the thread of the gateway');
      }
      if (before !== GATEWAY) return;
      Atomics.wait(this.#words, HOLDER, GATEWAY, HELD_MS);
    }
  }

  /** Lets go of the partition. The caller then looks for work, and sleeps if there is none. */
  rest(): void {
    Atomics.store(this.#words, HOLDER, NOBODY);
  }

  /** Blocks until woken, 1 s at most. {@link acquire} follows. */
  sleep(): void {
    Atomics.wait(this.#words, HOLDER, NOBODY, SLEEP_MS_MAX);
  }
}

/** The gateway's end. Never blocks. */
export class GatewayHold {
  readonly #words: Int32Array;

  /** @param words of the tick ring */
  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** Takes the partition if its worker sleeps; {@link leave} or {@link fail} follow. */
  take(): boolean {
    if (Atomics.load(this.#words, HOLDER) !== NOBODY) return false;
    return Atomics.compareExchange(this.#words, HOLDER, NOBODY, GATEWAY) === NOBODY;
  }

  /** Lets go of the partition: its worker sleeps on if nothing is left to do, else goes on. */
  leave(isDone: boolean): void {
    this.#leave(isDone ? NOBODY : WORKER);
    if (!isDone) Atomics.notify(this.#words, HOLDER);
  }

  /** A tick threw: the partition has to be repaired, which a worker's successor does. */
  fail(): void {
    this.#leave(FAILED);
    Atomics.notify(this.#words, HOLDER);
  }

  /** Wakes the worker if it sleeps, which alone costs a system call. */
  wake(): void {
    if (Atomics.load(this.#words, HOLDER) !== NOBODY) return;
    if (Atomics.compareExchange(this.#words, HOLDER, NOBODY, WORKER) === NOBODY) {
      Atomics.notify(this.#words, HOLDER);
    }
  }

  #leave(next: number): void {
    assertEqual('holder', Atomics.exchange(this.#words, HOLDER, next), GATEWAY);
  }
}
