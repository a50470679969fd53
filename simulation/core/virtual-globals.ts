import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import timersPromises from 'node:timers/promises';
import { type ScheduledEvent, type Scheduler, Thread } from './scheduler.ts';

/** The wall clock at the start of every run, ms since the epoch. */
const WALL_START = 1_700_000_000_000;
/** A timer is late by up to this, ms; an immediate comes within it. */
const TIMER_LATE_MS = 0.5;
const IMMEDIATE_MS = 0.02;
/**
 * One look at the clock in so many finds that the work since the last took a while, up to so many
 * ms.
 */
const STALL_EVERY = 40;
const STALL_MS_MAX = 4;
/** Readings of the thread's utilization between two changes of it. */
const LOAD_CHANGES_EVERY = 20;

type Globals = Pick<
  typeof globalThis,
  | 'setTimeout'
  | 'clearTimeout'
  | 'setInterval'
  | 'clearInterval'
  | 'setImmediate'
  | 'clearImmediate'
>;

/** What `setTimeout` and its like return. */
class VirtualTimer {
  event: ScheduledEvent | undefined;

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  cancel(): void {
    if (this.event !== undefined) this.event.run = undefined;
    this.event = undefined;
  }
}

/**
 * Time and chance for code that knows nothing of a simulation: stands in for the global timers,
 * `Date.now`, `performance.now`, the loop's utilization, `process.hrtime`, the promises of
 * `node:timers/promises` and `crypto.randomBytes`.
 */
export class VirtualGlobals {
  /** What the wall clock is off by, ms: it may jump, the others never do. */
  wallOffset = 0;
  readonly #scheduler: Scheduler;
  /** Utilization of the gateway's thread at present, 0 to 1. */
  #load = 0;
  #activeMs = 0;
  #readAt = 0;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** The wall clock, ms since the epoch. */
  get wallNow(): number {
    return Math.floor(WALL_START + this.#scheduler.now + this.wallOffset);
  }

  /** Puts the virtual ones in place. Returns how to put the real ones back. */
  install(atomics: typeof Atomics): () => void {
    const undo = [
      replace(globalThis, this.#timers()),
      replace(globalThis, { Atomics: atomics }),
      replace(Date, { now: () => this.wallNow }),
      replace(performance, {
        now: () => this.#look(),
        eventLoopUtilization: () => this.#utilization(),
      }),
      replace(process, { hrtime: this.#hrtime() }),
      replace(timersPromises, { setTimeout: (ms: number) => this.#delay(ms) }),
      replace(crypto, { randomBytes: (size: number) => this.#bytes(size) }),
    ];
    syncBuiltinESMExports();
    return () => {
      for (const back of undo) back();
      syncBuiltinESMExports();
    };
  }

  #timers(): Globals {
    const clear = (timer: unknown) => {
      if (timer instanceof VirtualTimer) timer.cancel();
    };
    const timers = {
      setTimeout: (run: () => void, ms = 1) => this.#timer(run, ms, 'timer'),
      setInterval: (run: () => void, ms = 1) => this.#interval(run, ms),
      setImmediate: (run: () => void) => this.#immediate(run),
      clearTimeout: clear,
      clearInterval: clear,
      clearImmediate: clear,
    };
    return timers as unknown as Globals;
  }

  #timer(run: () => void, ms: number, label: string): VirtualTimer {
    const timer = new VirtualTimer();
    const delayMs = Math.max(1, ms) + TIMER_LATE_MS * this.#scheduler.random.float();
    timer.event = this.#scheduler.after(delayMs, Thread.MAIN, label, run);
    return timer;
  }

  #interval(run: () => void, ms: number): VirtualTimer {
    const timer = new VirtualTimer();
    const again = () => {
      const { event } = this.#timer(tick, ms, 'interval');
      timer.event = event;
    };
    const tick = () => {
      again();
      run();
    };
    again();
    return timer;
  }

  #immediate(run: () => void): VirtualTimer {
    const timer = new VirtualTimer();
    const delayMs = IMMEDIATE_MS * this.#scheduler.random.float();
    timer.event = this.#scheduler.after(delayMs, Thread.MAIN, 'immediate', run);
    return timer;
  }

  #delay(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#timer(
        () => {
          this.#scheduler.hasMicrotasks = true;
          resolve();
        },
        ms,
        'delay',
      );
    });
  }

  /** The monotonic clock; now and then the work before took a while. */
  #look(): number {
    const scheduler = this.#scheduler;
    if (scheduler.thread === Thread.MAIN && scheduler.random.below(STALL_EVERY) === 0) {
      scheduler.now += STALL_MS_MAX * scheduler.random.float() ** 2;
    }
    return scheduler.now;
  }

  /** Idle and active time, ms: for a while at a time the thread has much to do, or little. */
  #utilization(): { idle: number; active: number } {
    const { random } = this.#scheduler;
    const now = this.#scheduler.now;
    if (random.below(LOAD_CHANGES_EVERY) === 0) this.#load = random.float();
    this.#activeMs += (now - this.#readAt) * this.#load;
    this.#readAt = now;
    return { idle: now - this.#activeMs, active: this.#activeMs };
  }

  #hrtime(): NodeJS.HRTime {
    const read = (): [number, number] => {
      const { now } = this.#scheduler;
      return [Math.floor(now / 1000), Math.floor((now % 1000) * 1e6)];
    };
    return Object.assign(read, { bigint: () => BigInt(Math.floor(this.#scheduler.now * 1e6)) });
  }

  #bytes(size: number): Buffer {
    return Buffer.from(Array.from({ length: size }, () => this.#scheduler.random.below(256)));
  }
}

/** Gives an object other properties. Returns how to give it back its own. */
function replace<Target extends object>(target: Target, properties: object): () => void {
  const before = Object.keys(properties).map(
    (key) => [key, Object.getOwnPropertyDescriptor(target, key)] as const,
  );
  for (const [key, value] of Object.entries(properties)) {
    Object.defineProperty(target, key, {
      value,
      configurable: true,
      writable: true,
      enumerable: true,
    });
  }
  return () => {
    for (const [key, descriptor] of before) {
      if (descriptor === undefined) Reflect.deleteProperty(target, key);
      else Object.defineProperty(target, key, descriptor);
    }
  };
}
