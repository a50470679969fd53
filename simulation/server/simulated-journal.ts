import { Doorbell } from '../../src/engine/index.ts';
import { RingConsumer, SegmentWriter, type StartJournalWriter } from '../../src/journal/index.ts';
import type { JournalThreadData } from '../../src/journal/journal-thread.ts';
import type { JournalWriter } from '../../src/journal/journal-writer.ts';
import { type Scheduler, Thread } from '../core/scheduler.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { SimulatedSegments } from './simulated-segments.ts';

/** The range of a write with its sync, ms; on a disk that is slow it is longer. */
const STEP_MS = [0.05, 4] as const;
/** Now and then it takes so long. */
const STALL_CHANCE = 0.01;
const STALL_MS_MAX = 400;
/** How long a close tries to write to a disk that fails, ms. */
const CLOSE_MS = 1000;
/** Writes within which the process dies in the middle of a step. */
const DEATH_WRITES_MAX = 3;
/** The thread dies by itself, once in so many steps. */
const STEPS_TO_DEATH = 3000;

interface Callbacks {
  readonly onReport: Parameters<StartJournalWriter>[1];
  readonly onDeath: Parameters<StartJournalWriter>[2];
}

/** The thread of the journal: the writer is the real one, its loop and the disk are simulated. */
export class SimulatedJournalThread implements JournalWriter {
  readonly #scheduler: Scheduler;
  readonly #disk: SimulatedDisk;
  readonly #files: SimulatedSegments;
  readonly #callbacks: Callbacks;
  readonly #writer: SegmentWriter;
  readonly #doorbell: Doorbell;
  readonly #stepped: () => void;
  #onClosed: (() => void) | undefined;
  #closeBy = 0;
  #reportedFault: string | undefined;
  #hasEnded = false;

  constructor(
    data: JournalThreadData,
    scheduler: Scheduler,
    disk: SimulatedDisk,
    files: SimulatedSegments,
    callbacks: Callbacks,
    stepped: () => void,
  ) {
    this.#scheduler = scheduler;
    this.#disk = disk;
    this.#files = files;
    this.#callbacks = callbacks;
    this.#stepped = stepped;
    const ring = new RingConsumer(data.ring, data.start, data.synced);
    this.#writer = new SegmentWriter(ring, files, data.options);
    this.#doorbell = new Doorbell(data.doorbell);
    this.#soon(0);
  }

  get synced(): number {
    return this.#writer.synced;
  }

  retain(from: number): void {
    this.#scheduler.after(this.#duration(), Thread.JOURNAL, 'the journal is cut', () => {
      if (!this.#hasEnded) this.#writer.retain(from);
    });
  }

  close(): Promise<void> {
    this.#closeBy = this.#scheduler.now + CLOSE_MS;
    return new Promise((resolve) => {
      this.#onClosed = resolve;
      if (this.#hasEnded) this.#end();
    });
  }

  /** The thread dies, perhaps in the middle of a write. */
  kill(): void {
    const { random } = this.#scheduler;
    if (!this.#hasEnded && random.chance(0.7)) {
      this.#files.death = { writesLeft: random.below(DEATH_WRITES_MAX), part: random.float() };
      this.#writer.step(this.#scheduler.now, random.chance(0.5));
      this.#files.death = undefined;
    }
    this.#hasEnded = true;
  }

  #duration(): number {
    const { random } = this.#scheduler;
    const [min, max] = STEP_MS;
    const isStalled = random.chance(STALL_CHANCE);
    const ms = isStalled ? STALL_MS_MAX * random.float() : min + (max - min) * random.float();
    return ms * this.#disk.slowness ** 2;
  }

  #soon(pauseMs: number): void {
    const delayMs = pauseMs + this.#duration();
    this.#scheduler.after(delayMs, Thread.JOURNAL, 'the journal is written', () => this.#step());
  }

  #step(): void {
    if (this.#hasEnded) return;
    const { random } = this.#scheduler;
    if (this.#onClosed === undefined && random.below(STEPS_TO_DEATH) === 0) {
      this.#die();
      return;
    }
    const writer = this.#writer;
    const before = writer.synced;
    const isClosing = this.#onClosed !== undefined;
    writer.step(this.#scheduler.now, isClosing);
    this.#stepped();
    if (writer.synced !== before) this.#doorbell.ring();
    if (writer.fault !== this.#reportedFault) this.#report();
    const isOver = writer.isDone || this.#scheduler.now >= this.#closeBy;
    if (isClosing && isOver) this.#end();
    else this.#soon(isClosing ? 1 : writer.pauseMs);
  }

  #end(): void {
    this.#hasEnded = true;
    this.#writer.close();
    this.#report();
    this.#doorbell.ring();
    this.#later(() => this.#onClosed?.());
  }

  /** An error of its own: another thread goes on from what is on disk. */
  #die(): void {
    this.kill();
    this.#later(() => this.#callbacks.onDeath('planted'));
  }

  #report(): void {
    const { fault, figures } = this.#writer;
    this.#reportedFault = fault;
    const report = { fault, isLost: false, figures: { ...figures } };
    this.#later(() => this.#callbacks.onReport(report));
  }

  /** A message to the gateway's thread. */
  #later(run: () => void): void {
    this.#scheduler.after(this.#scheduler.random.float(), Thread.MAIN, 'the journal tells', () => {
      this.#scheduler.hasMicrotasks = true;
      run();
    });
  }
}
