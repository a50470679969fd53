import type { Scheduler } from '../core/scheduler.ts';
import { expectThat } from '../core/violation.ts';
import { rawView } from './watched-views.ts';

const REAL = globalThis.Atomics;
const NEVER_ENDS = 'every thread ends what it does';

/** Where a thread would block. */
export interface Block {
  readonly view: Int32Array;
  readonly index: number;
  /** It waits for as long as the word has this value. */
  readonly value: number;
  readonly timeoutMs: number;
  /** Whether it was woken. */
  readonly isOver: () => boolean;
}

/** What a thread that would block does instead: throws, or returns when it is to go on. */
export type Sleeper = (block: Block) => void;

interface Waiter {
  readonly memory: ArrayBufferLike;
  readonly index: number;
  readonly wake: () => void;
}

/**
 * Looks at shared memory, and waits, that one event may take: a thread that never ends its work
 * looks for ever.
 */
const LOOKS_MAX = 20_000_000;
const WAITS_MAX = 10_000;
/** How long a wake-up takes, ms. */
const WAKE_MS = 0.02;

/** Those of the run that is under way: only one can have the globals. */
let running: VirtualAtomics | undefined;

/** Reads of shared memory left before the run is checked for progress. */
let looksLeft = LOOKS_MAX;

function ofRun(): VirtualAtomics {
  if (running === undefined) throw new Error('no simulation runs');
  return running;
}

/**
 * Replaces the global. The same functions in every run, so that the compiler can inline them, and
 * they are called everywhere.
 */
const OPERATIONS = {
  load: (view: Int32Array, index: number) => {
    if (--looksLeft < 0) ofRun().refill();
    return REAL.load(rawView(view), index);
  },
  store: (view: Int32Array, index: number, value: number) =>
    REAL.store(rawView(view), index, value),
  add: (view: Int32Array, index: number, value: number) => REAL.add(rawView(view), index, value),
  or: (view: Int32Array, index: number, value: number) => REAL.or(rawView(view), index, value),
  exchange: (view: Int32Array, index: number, value: number) =>
    REAL.exchange(rawView(view), index, value),
  compareExchange: (view: Int32Array, index: number, from: number, to: number) =>
    REAL.compareExchange(rawView(view), index, from, to),
  notify: (view: Int32Array, index: number) => ofRun().notify(rawView(view), index),
  wait: (view: Int32Array, index: number, value: number, timeoutMs: number) =>
    ofRun().wait(rawView(view), index, value, timeoutMs),
  waitAsync: (view: Int32Array, index: number, value: number) =>
    ofRun().waitAsync(rawView(view), index, value),
} as unknown as typeof Atomics;

/**
 * `Atomics` on which no thread blocks: waiting and waking are events. Views may be watched ones.
 */
export class VirtualAtomics {
  readonly #scheduler: Scheduler;
  readonly #sleeper: Sleeper;
  #waiters: Waiter[] = [];
  #refilledAt = -1;
  #waits = 0;
  #waitedAt = -1;

  constructor(scheduler: Scheduler, sleeper: Sleeper) {
    this.#scheduler = scheduler;
    this.#sleeper = sleeper;
  }

  /** Many looks were taken: at least a step must have begun since as many before. */
  refill(): void {
    const { steps } = this.#scheduler;
    expectThat(steps !== this.#refilledAt, NEVER_ENDS, () => 'looks at memory for ever');
    this.#refilledAt = steps;
    looksLeft = LOOKS_MAX;
  }

  /** The process died: no thread waits any more. */
  forget(): void {
    this.#waiters = [];
  }

  /** Registers a wake-up call. Returns how to give it up. */
  onNotify(view: Int32Array, index: number, wake: () => void): () => void {
    const waiter: Waiter = { memory: view.buffer, index, wake };
    this.#waiters.push(waiter);
    return () => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
    };
  }

  notify(view: Int32Array, index: number): number {
    const woken = this.#waiters.filter((waiter) => isAt(waiter, view, index));
    if (woken.length === 0) return 0;
    this.#waiters = this.#waiters.filter((waiter) => !isAt(waiter, view, index));
    for (const { wake } of woken) wake();
    return woken.length;
  }

  wait(view: Int32Array, index: number, value: number, timeoutMs: number): string {
    this.#countWait();
    if (REAL.load(view, index) !== value) return 'not-equal';
    let isWoken = false;
    const giveUp = this.onNotify(view, index, () => {
      isWoken = true;
    });
    try {
      this.#sleeper({ view, index, value, timeoutMs, isOver: () => isWoken });
    } finally {
      giveUp();
    }
    return isWoken ? 'ok' : 'timed-out';
  }

  #countWait(): void {
    const { steps } = this.#scheduler;
    this.#waits = steps === this.#waitedAt ? this.#waits + 1 : 0;
    this.#waitedAt = steps;
    expectThat(this.#waits < WAITS_MAX, NEVER_ENDS, () => 'waits for what cannot happen');
  }

  /** The promise supports `then` only; it is resolved by an event. */
  waitAsync(view: Int32Array, index: number, value: number): unknown {
    if (REAL.load(view, index) !== value) return { async: false, value: 'not-equal' };
    const scheduler = this.#scheduler;
    let isOver = false;
    let resolve: ((outcome: string) => void) | undefined;
    this.onNotify(view, index, () => {
      scheduler.after(WAKE_MS * scheduler.random.float(), 0, 'main is woken', () => {
        isOver = true;
        resolve?.('ok');
        scheduler.hasMicrotasks = true;
      });
    });
    const then = (onResolve: (outcome: string) => void) => {
      if (isOver) onResolve('ok');
      else resolve = onResolve;
    };
    // A promise would call back after the interrupted event, not in the middle of it.
    // oxlint-disable-next-line unicorn/no-thenable
    return { async: true, value: { then } };
  }
}

function isAt({ memory, index }: Waiter, view: Int32Array, at: number): boolean {
  return index === at && memory === view.buffer;
}

/** Replaces the global; its waiters are those of `atomics` from now on. */
export function standIn(atomics: VirtualAtomics): typeof Atomics {
  running = atomics;
  return OPERATIONS;
}
