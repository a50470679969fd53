import { EventEmitter } from 'node:events';
import { AnomalyProducer } from '../../src/engine/memory/anomaly-ring.ts';
import { GatewayStepError, Holder, WorkerHold } from '../../src/engine/memory/partition-holder.ts';
import { RingWord } from '../../src/engine/memory/tick-ring.ts';
import { WorkerResponder } from '../../src/engine/memory/worker-request.ts';
import { PartitionWorker, type PartitionWorkerData } from '../../src/engine/partition-worker.ts';
import { type ScheduledEvent, type Scheduler, Thread } from '../core/scheduler.ts';
import { expectThat } from '../core/violation.ts';
import type { Block, VirtualAtomics } from './virtual-atomics.ts';
import { withViews } from './watched-views.ts';

/** What ends the work of a thread that dies; nothing it still does has an effect. */
class Death extends Error {}

/** Thrown where a worker with nothing to do would sleep, once it is seen to that it is woken. */
class Asleep extends Error {}
/** Thrown where a worker waits for the gateway to let go of its partition: it tries again later. */
class Held extends Error {}
/** One for all: a stack would take longer than all else that it does. */
const ASLEEP = new Asleep();
const HELD = new Held();

/** Looks at the queue before a worker sleeps. */
const SPINS = 1;
const START_MS_MAX = 20;
const STEP_MS = 0.05;
/** Now and then the operating system has other things to do, for up to this long, ms. */
const DESCHEDULED_MS_MAX = 40;
const DESCHEDULED = 0.02;
const ACCESSES_BETWEEN_INTERRUPTIONS = 400;
const ACCESSES_TO_DEATH_MAX = 3000;
/** A tick raises at most an Up and a Down. */
const ANOMALIES_PER_TICK = 2;

/** What decides about the lives of workers. */
export interface WorkerFate {
  readonly scheduler: Scheduler;
  readonly atomics: VirtualAtomics;
  /** How likely a worker is watched: see `Scenario`. */
  readonly watched: number;
  /** Whether no worker dies for the time being. */
  isCalm(): boolean;
  /** Ticks that wait for a partition's worker. */
  queued(partition: number): number;
  /** One waits for the gateway in the middle of a step. */
  blocked(): void;
  /** A worker runs, or has died. */
  started(): void;
  died(): void;
  /** A worker has ended its step; nothing of it is under way. */
  stepped(worker: SimulatedWorker, hasApplied: boolean): void;
}

/**
 * A partition's worker without a thread: the real one, a batch at a time, as an event. Where its
 * views are watched it may be interrupted at any access to shared memory, and die there. Stands in
 * for a `Worker`.
 */
export class SimulatedWorker extends EventEmitter {
  readonly partition: number;
  /**
   * Whether its accesses to shared memory are watched, so that it may be interrupted or die at any.
   */
  readonly isWatched: boolean;
  readonly #fate: WorkerFate;
  readonly #data: PartitionWorkerData;
  #worker: PartitionWorker | undefined;
  #next: ScheduledEvent | undefined;
  #accessesToDeath = Number.POSITIVE_INFINITY;
  #accessesToInterruption = 0;
  #isSleeping = false;
  #isDead = false;

  constructor(data: PartitionWorkerData, partition: number, fate: WorkerFate) {
    super();
    this.#data = data;
    this.partition = partition;
    this.#fate = fate;
    const { random } = fate.scheduler;
    this.isWatched = random.chance(fate.watched);
    this.#schedule(START_MS_MAX * random.float(), 'worker starts', () => this.#start());
  }

  get thread(): number {
    return this.partition + 1;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** Kills the worker: at once where it rests, at its next access where it is interrupted. */
  kill(): void {
    if (this.#fate.scheduler.isBusy(this.thread)) this.#accessesToDeath = 0;
    else this.#die();
  }

  /** Has the worker die at one of its next accesses to shared memory. */
  doom(): void {
    if (!this.isWatched || this.#worker === undefined) this.kill();
    else this.#accessesToDeath = this.#fate.scheduler.random.below(ACCESSES_TO_DEATH_MAX);
  }

  /** As a `Worker` does. */
  terminate(): Promise<number> {
    this.kill();
    return Promise.resolve(1);
  }

  /** Where it would block: asleep it ends its step; in the middle of one others go on meanwhile. */
  block({ view, index, value, timeoutMs, isOver }: Block): void {
    const { atomics, scheduler } = this.#fate;
    if (!this.#isSleeping) {
      // The gateway cannot go on before this event has ended.
      if (value === Holder.GATEWAY && view.buffer === this.#data.memory.ticks) throw HELD;
      this.#fate.blocked();
      scheduler.wait(isOver, timeoutMs);
      if (this.#accessesToDeath <= 0) throw new Death();
      return;
    }
    const wake = () => {
      giveUp();
      timeout.run = undefined;
      if (!this.#isDead) this.#soon();
    };
    const giveUp = atomics.onNotify(view, index, wake);
    const timeout = scheduler.after(timeoutMs, this.thread, 'worker looks up', () => {
      if (!this.#isDead) this.#expectNoWork();
      wake();
    });
    throw ASLEEP;
  }

  /** Nothing woke the worker: then there must be nothing for it, or the gateway is at it. */
  #expectNoWork(): void {
    if (this.#fate.scheduler.isBusy(Thread.MAIN)) return;
    const { captures, memory } = this.#data;
    const words = new Int32Array(memory.ticks);
    const requests = [memory.retirements, captures?.request].filter((request) => request);
    expectThat(
      words[RingWord.TAIL] === words[RingWord.HEAD] &&
        words[RingWord.STOP] === 0 &&
        // A request may be behind ticks that wait for the journal before they are published.
        (this.#fate.queued(this.partition) > 0 ||
          !requests.some((request) =>
            new WorkerResponder(request as SharedArrayBuffer).isWanted(),
          )),
      'no wake-up is lost',
      () => `the worker of partition ${this.partition} sleeps while there is work`,
    );
  }

  #start(): void {
    // It reports a tick that it skips.
    if (this.#mightWaitInVain(1)) {
      this.#schedule(STEP_MS, 'worker starts', () => this.#start());
      return;
    }
    this.#live(() => {
      const onAccess = this.isWatched ? this.#onAccess : undefined;
      const { random } = this.#fate.scheduler;
      // Cleaning up after a predecessor is the moment at which a death is the worst.
      if (this.isWatched && !this.#fate.isCalm() && random.chance(0.2)) {
        this.#accessesToDeath = random.below(ACCESSES_TO_DEATH_MAX);
      }
      const worker = withViews(onAccess, () => {
        new WorkerHold(new Int32Array(this.#data.memory.ticks)).acquire();
        return new PartitionWorker(this.#data);
      });
      this.#worker = worker;
      worker.takeOver();
      this.#fate.started();
      this.emit('message', 'running');
      this.#soon();
    });
  }

  #step(): void {
    // A report of overwritten ticks may come on top.
    const anomalies = ANOMALIES_PER_TICK * this.#fate.queued(this.partition) + 1;
    if (this.#mightWaitInVain(anomalies)) {
      this.#soon();
      return;
    }
    this.#live(() => {
      const worker = this.#worker as PartitionWorker;
      const next = worker.step();
      this.#fate.stepped(this, next === 'step');
      if (next === 'step') this.#soon();
      else if (next === 'end') this.#end(0);
      else this.#sleep(worker);
    });
  }

  /**
   * Whether so many anomalies might not find room while the gateway is interrupted: it could
   * not make any, as it goes on only when this step is over.
   */
  #mightWaitInVain(anomalies: number): boolean {
    if (!this.#fate.scheduler.isBusy(Thread.MAIN)) return false;
    return !new AnomalyProducer(this.#data.memory.anomalies).hasSpace(anomalies);
  }

  #sleep(worker: PartitionWorker): void {
    this.#isSleeping = true;
    try {
      worker.sleep(SPINS);
      this.#soon();
    } catch (error) {
      if (!(error instanceof Asleep)) throw error;
    } finally {
      this.#isSleeping = false;
    }
  }

  #soon(): void {
    const { random } = this.#fate.scheduler;
    const isDescheduled = random.chance(DESCHEDULED);
    const delayMs = (isDescheduled ? DESCHEDULED_MS_MAX : STEP_MS) * random.float();
    this.#schedule(delayMs, 'worker steps', () => this.#step());
  }

  #schedule(delayMs: number, label: string, run: () => void): void {
    this.#next = this.#fate.scheduler.after(delayMs, this.thread, label, run);
  }

  #live(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof Held) this.#schedule(STEP_MS, 'worker waits', () => this.#live(work));
      else if (error instanceof Death || error instanceof GatewayStepError) this.#die();
      else throw error;
    }
  }

  #die(): void {
    if (this.#isDead) return;
    if (this.#next !== undefined) this.#next.run = undefined;
    this.#fate.died();
    this.#end(1);
  }

  #end(code: number): void {
    this.#isDead = true;
    const { scheduler } = this.#fate;
    scheduler.after(scheduler.random.float(), Thread.MAIN, 'worker exits', () => {
      if (code !== 0) this.emit('error', new Error('killed by the simulation'));
      this.emit('exit', code);
    });
  }

  readonly #onAccess = (): void => {
    const { scheduler } = this.#fate;
    if (scheduler.thread !== this.thread) return;
    if (this.#accessesToDeath-- <= 0) throw new Death();
    if (this.#accessesToInterruption-- > 0) return;
    this.#accessesToInterruption = scheduler.random.below(ACCESSES_BETWEEN_INTERRUPTIONS);
    scheduler.interleave(1 + scheduler.random.below(3));
    if (this.#accessesToDeath <= 0) throw new Death();
  };
}
