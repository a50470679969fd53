import type { Random } from '../../testkit/random.ts';
import type { Trace } from './trace.ts';

/** Something that will happen. */
export interface ScheduledEvent {
  /** On the virtual clock, ms. */
  time: number;
  /** Which of two with the same time comes first. */
  order: number;
  /** Whose work it is: see `Scheduler`. */
  thread: number;
  /** The run of the server that it belongs to; 0: to none. */
  process: number;
  label: string;
  /** What runs; undefined once it ran or was cancelled. */
  run: (() => void) | undefined;
}

/** Events by time: a binary heap. */
class EventQueue {
  readonly #heap: ScheduledEvent[] = [];

  get size(): number {
    return this.#heap.length;
  }

  get first(): ScheduledEvent | undefined {
    return this.#heap[0];
  }

  push(event: ScheduledEvent): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as ScheduledEvent;
      if (isBefore(above, event)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  pop(): ScheduledEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as ScheduledEvent)) child++;
      const below = heap[child] as ScheduledEvent;
      if (isBefore(last, below)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: ScheduledEvent, b: ScheduledEvent): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}

/** Threads that events belong to; worker p has the number p + 1. */
export const Thread = {
  /** Clients and the network between: nothing of the server runs. */
  OUTSIDE: -1,
  /** What happens to the server as a whole: no thread of it may be in the middle of something. */
  ALONE: -2,
  /** The gateway's event loop. */
  MAIN: 0,
  /** The thread that writes the journal. */
  JOURNAL: 100,
} as const;

/** When the process was paused. */
interface Pause {
  readonly from: number;
  until: number;
}

/** Events that are looked at beyond those of threads that are busy. */
const ASIDE_MAX = 16;
/** A thread that was interrupted goes on within this time, ms. */
const INTERRUPTION_MS_MAX = 3;
const DEPTH_MAX = 3;

/**
 * The virtual clock, and what happens next on it. One event runs at a time; but a thread of the
 * server may be interrupted in the middle of one, at any access to shared memory, and others'
 * events run meanwhile ({@link interleave}).
 */
export class Scheduler {
  readonly random: Random;
  readonly trace: Trace;
  /** Ms since the start of the run. */
  now = 0;
  /** Events that ran. */
  steps = 0;
  /**
   * Events of the gateway's thread that were begun: what it does within one, it does at once,
   * though time passes.
   */
  turns = 0;
  /** The server process that runs now; events of earlier ones are void. */
  process = 0;
  /** Whether promises may have been resolved: their consequences come before the next event. */
  hasMicrotasks = false;
  /** When threads of the server that are paused go on; the whole process under `MAIN`. */
  readonly #pausedUntil = new Map<number, number>();
  readonly #pauses: Pause[] = [];
  readonly #queue = new EventQueue();
  /** Threads in the middle of an event, innermost last. */
  readonly #busy: number[] = [];
  #order = 0;

  constructor(random: Random, trace: Trace) {
    this.random = random;
    this.trace = trace;
  }

  /** The thread whose event runs. */
  get thread(): number {
    return this.#busy.at(-1) ?? Thread.OUTSIDE;
  }

  get isInterrupting(): boolean {
    return this.#busy.length > 1;
  }

  /** Whether `thread` is in the middle of an event. */
  isBusy(thread: number): boolean {
    return this.#busy.includes(thread);
  }

  /** Has `run` called in `delayMs`, on a thread of the server that runs now. */
  after(delayMs: number, thread: number, label: string, run: () => void): ScheduledEvent {
    const isOfServer = thread >= Thread.MAIN;
    const event: ScheduledEvent = {
      time: this.now + delayMs,
      order: this.#order++,
      thread,
      process: isOfServer ? this.process : 0,
      label,
      run,
    };
    this.#queue.push(event);
    return event;
  }

  /** Whether the whole process is paused. */
  get isPaused(): boolean {
    return (this.#pausedUntil.get(Thread.MAIN) ?? 0) > this.now;
  }

  /**
   * Stops one worker, or all threads of the server, for so long, ms: their events come after it, in
   * their order. Everything outside goes on.
   */
  pause(ms: number, thread: number = Thread.MAIN): void {
    const until = this.now + ms;
    if ((this.#pausedUntil.get(thread) ?? 0) >= until) return;
    if (thread === Thread.MAIN) {
      const from = Math.max(this.now, this.#pausedUntil.get(thread) ?? 0);
      this.#pauses.push({ from, until });
    }
    this.#pausedUntil.set(thread, until);
  }

  /** The process is gone, and what was paused of it. */
  resume(): void {
    this.#pausedUntil.clear();
    const last = this.#pauses.at(-1);
    if (last !== undefined) last.until = Math.min(last.until, this.now);
  }

  /**
   * For how long the process was paused since a moment, ms.
   *
   * @param isCounted which pauses, by their lengths
   */
  pausedSince(moment: number, isCounted: (ms: number) => boolean = () => true): number {
    let sum = 0;
    for (let i = this.#pauses.length - 1; i >= 0; i--) {
      const { from, until } = this.#pauses[i] as Pause;
      if (until <= moment) break;
      const end = Math.min(until, this.now);
      if (end > from && isCounted(until - from)) sum += end - Math.max(from, moment);
    }
    return sum;
  }

  /** Runs the next event; false when there is none. */
  step(): boolean {
    for (let event = this.#queue.pop(); event !== undefined; event = this.#queue.pop()) {
      if (this.#isVoid(event) || this.#isDeferred(event)) continue;
      this.#run(event);
      return true;
    }
    return false;
  }

  /** In the middle of a thread's work: runs up to `count` events of others. */
  interleave(count: number): void {
    if (this.#busy.length >= DEPTH_MAX) return;
    const end = this.now + INTERRUPTION_MS_MAX;
    const aside: ScheduledEvent[] = [];
    for (let left = count; left > 0 && aside.length < ASIDE_MAX; ) {
      const { first } = this.#queue;
      if (first === undefined || first.time > end) break;
      this.#queue.pop();
      if (this.#isVoid(first) || this.#isDeferred(first)) continue;
      if (this.#mustWait(first.thread)) aside.push(first);
      else {
        this.#run(first);
        left--;
      }
    }
    for (const event of aside) this.#queue.push(event);
  }

  /**
   * In the middle of a thread's work: runs others' events until `isOver`, or until there is none
   * for `timeoutMs`.
   */
  wait(isOver: () => boolean, timeoutMs: number): void {
    const end = this.now + timeoutMs;
    const aside: ScheduledEvent[] = [];
    while (!isOver()) {
      const { first } = this.#queue;
      if (first === undefined || first.time > end) break;
      this.#queue.pop();
      if (this.#isVoid(first) || this.#isDeferred(first)) continue;
      if (this.#mustWait(first.thread)) aside.push(first);
      else this.#run(first);
    }
    if (!isOver()) this.now = Math.max(this.now, end);
    for (const event of aside) this.#queue.push(event);
  }

  #mustWait(thread: number): boolean {
    return thread === Thread.ALONE || this.#busy.includes(thread);
  }

  /** Puts an event of a paused thread off; whether it did. */
  #isDeferred(event: ScheduledEvent): boolean {
    if (event.thread < Thread.MAIN) return false;
    const { thread } = event;
    const paused = this.#pausedUntil;
    const until = Math.max(paused.get(Thread.MAIN) ?? 0, paused.get(thread) ?? 0);
    if (event.time >= until) return false;
    event.time = until;
    this.#queue.push(event);
    return true;
  }

  #isVoid({ run, process }: ScheduledEvent): boolean {
    return run === undefined || (process !== 0 && process !== this.process);
  }

  #run(event: ScheduledEvent): void {
    const { run } = event;
    event.run = undefined;
    if (run === undefined) return;
    this.now = Math.max(this.now, event.time);
    this.steps++;
    if (event.thread === Thread.MAIN) this.turns++;
    this.trace.note(this.steps, this.now, event.label, event.thread);
    this.#busy.push(event.thread);
    run();
    this.#busy.pop();
  }
}
