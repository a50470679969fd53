import type { Scheduler } from '../core/scheduler.ts';
import { toldView } from './watched-views.ts';

const REAL = globalThis.Atomics;

/** Where a thread would block. */
export interface Block {
  readonly view: Int32Array;
  readonly index: number;
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

/** How long a wake-up takes, ms. */
const WAKE_MS = 0.02;

/** Those of the run that is under way: only one can have the globals. */
let running: VirtualAtomics | undefined;

function ofRun(): VirtualAtomics {
  if (running === undefined) throw new Error('no simulation runs');
  return running;
}

/**
 * What stands in for the global. The same functions in every run: the compiler may then put them where they are called,
 * which is everywhere.
 */
const OPERATIONS = {
  load: (view: Int32Array, index: number) => REAL.load(toldView(view), index),
  store: (view: Int32Array, index: number, value: number) =>
    REAL.store(toldView(view), index, value),
  add: (view: Int32Array, index: number, value: number) => REAL.add(toldView(view), index, value),
  or: (view: Int32Array, index: number, value: number) => REAL.or(toldView(view), index, value),
  exchange: (view: Int32Array, index: number, value: number) =>
    REAL.exchange(toldView(view), index, value),
  compareExchange: (view: Int32Array, index: number, from: number, to: number) =>
    REAL.compareExchange(toldView(view), index, from, to),
  notify: (view: Int32Array, index: number) => ofRun().notify(toldView(view), index),
  wait: (view: Int32Array, index: number, value: number, timeoutMs: number) =>
    ofRun().wait(toldView(view), index, value, timeoutMs),
  waitAsync: (view: Int32Array, index: number, value: number) =>
    ofRun().waitAsync(toldView(view), index, value),
} as unknown as typeof Atomics;

/** `Atomics` on which no thread blocks: waiting and waking are events. Views may be watched ones. */
export class VirtualAtomics {
  readonly #scheduler: Scheduler;
  readonly #sleeper: Sleeper;
  #waiters: Waiter[] = [];

  constructor(scheduler: Scheduler, sleeper: Sleeper) {
    this.#scheduler = scheduler;
    this.#sleeper = sleeper;
  }

  /** What stands in for the global, from now on with those who wait here. */
  take(): typeof Atomics {
    running = this;
    return OPERATIONS;
  }

  /** The process died: nobody waits any more. */
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
    if (REAL.load(view, index) !== value) return 'not-equal';
    let isWoken = false;
    const giveUp = this.onNotify(view, index, () => {
      isWoken = true;
    });
    try {
      this.#sleeper({ view, index, timeoutMs, isOver: () => isWoken });
    } finally {
      giveUp();
    }
    return isWoken ? 'ok' : 'timed-out';
  }

  /** Its promise is one for whoever only calls `then`: that call comes as an event. */
  waitAsync(view: Int32Array, index: number, value: number): unknown {
    if (REAL.load(view, index) !== value) return { async: false, value: 'not-equal' };
    const scheduler = this.#scheduler;
    let isOver = false;
    let resolve: ((outcome: string) => void) | undefined;
    this.onNotify(view, index, () => {
      scheduler.after(WAKE_MS * scheduler.random.share(), 0, 'main is woken', () => {
        isOver = true;
        resolve?.('ok');
        scheduler.hasMicrotasks = true;
      });
    });
    const then = (onResolve: (outcome: string) => void) => {
      if (isOver) onResolve('ok');
      else resolve = onResolve;
    };
    // A promise would call back when whatever was interrupted has gone on, and not in the middle of it.
    // oxlint-disable-next-line unicorn/no-thenable
    return { async: true, value: { then } };
  }
}

function isAt({ memory, index }: Waiter, view: Int32Array, at: number): boolean {
  return index === at && memory === view.buffer;
}
