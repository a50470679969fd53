import { mkdirSync } from 'node:fs';
import { createDoorbell, Doorbell } from '../engine/index.ts';
import { type Claim, StoreLostError } from '../store/lock/claim.ts';
import { JournalAppender, type JournalNames } from './appender.ts';
import { EntryWriter } from './entry-writer.ts';
import { BLOCK_BYTES, RING_BYTES, SEGMENT_BYTES } from './format.ts';
import type { Gap, GapFigures } from './gap-counter.ts';
import { JournalError, reasonOf } from './journal-error.ts';
import { createJournalRing, RingProducer } from './journal-ring.ts';
import type { JournalReport, JournalThreadData } from './journal-thread.ts';
import {
  type JournalWriter,
  type StartJournalWriter,
  startJournalWriter,
} from './journal-writer.ts';
import type { Retention } from './retention.ts';
import { noFigures, type WriterFigures } from './segment-writer.ts';
import { STALLED_MS, StallWatch } from './stall-watch.ts';

export interface JournalOptions {
  /** Made if it is missing, in one that is there. */
  readonly directory: string;
  /** Where the journal ends: see `repairTail`. */
  readonly start: number;
  /** Longest time from an entry to its sync, ms; 0: each write is synced at once. */
  readonly syncMs: number;
  /** Id of this run of the server, and when it began, ms since the epoch. */
  readonly run: string;
  readonly startedAt: number;
  readonly partitions: number;
  readonly names: JournalNames;
  /** See {@link JournalAppender}. */
  readonly offered: (into: Float64Array) => void;
  readonly mayGap: boolean;
  readonly retention: Retention;
  /** Looked at with every sync; undefined: the directory is nobody else's. */
  readonly claim?: Claim | undefined;
  /** Smaller in tests; powers of two. */
  readonly ringBytes?: number;
  readonly segmentBytes?: number;
  readonly blockBytes?: number;
  readonly stalledMs?: number;
}

/** What the journal tells of, on the gateway's thread. */
export interface JournalEvents {
  /** The directory is another server's now: nothing more is written. */
  onLost(error: StoreLostError): void;
  /** Entries are written again: a snapshot is to be taken, what came before leads nowhere. */
  onGapEnd(gap: Gap): void;
}

export interface JournalLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface JournalFigures extends WriterFigures {
  readonly gaps: GapFigures;
}

/** Pause before the thread is replaced, ms. */
const RESTART_MS = 1000;

interface SyncWaiter {
  readonly position: number;
  readonly resolve: (isSynced: boolean) => void;
}

/** The gateway's handle of the journal that it writes. */
export class Journal {
  readonly appender: JournalAppender;
  readonly #ring: RingProducer;
  readonly #doorbell: Doorbell;
  readonly #data: JournalThreadData;
  readonly #log: JournalLog;
  readonly #events: JournalEvents;
  readonly #start: StartJournalWriter;
  readonly #listeners: ((synced: number) => void)[] = [];
  #waiters: SyncWaiter[] = [];
  /** Somebody waits until everything before it is synced. */
  #wanted = 0;
  #isArmed = false;
  readonly #watch: StallWatch;
  #onStalled: () => void = () => undefined;
  #writer: JournalWriter;
  #isClosed = false;
  #fault: string | undefined;
  #figures = noFigures();

  /**
   * Begins a new segment behind what the journal holds; resolves when it is on disk.
   *
   * @throws JournalError if the directory cannot be written
   */
  static async open(
    options: JournalOptions,
    log: JournalLog,
    events: JournalEvents,
    start: StartJournalWriter = startJournalWriter,
  ): Promise<Journal> {
    try {
      mkdirSync(options.directory, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
        throw new JournalError(`${options.directory} cannot be made: ${reasonOf(error)}.`);
    }
    const journal = new Journal(options, log, events, start);
    const isSynced = await Promise.race([journal.whenSynced(journal.position), journal.#failed]);
    if (isSynced) return journal;
    const { fault = 'it was closed' } = journal;
    await journal.#end();
    throw new JournalError(`The journal in ${options.directory} cannot be written: ${fault}.`);
  }

  /** Resolves with false at the first fault. */
  readonly #failed: Promise<false>;
  #onFault: () => void = () => undefined;

  private constructor(
    options: JournalOptions,
    log: JournalLog,
    events: JournalEvents,
    start: StartJournalWriter,
  ) {
    const {
      ringBytes = RING_BYTES,
      segmentBytes = SEGMENT_BYTES,
      blockBytes = BLOCK_BYTES,
      stalledMs = STALLED_MS,
    } = options;
    const ring = createJournalRing(ringBytes);
    const doorbell = createDoorbell();
    this.#ring = new RingProducer(ring, options.start);
    this.#doorbell = new Doorbell(doorbell);
    this.#log = log;
    this.#events = events;
    this.#start = start;
    this.#failed = new Promise((resolve) => {
      this.#onFault = () => resolve(false);
    });
    const layout = { ...options, segmentBytes, blockBytes };
    this.appender = new JournalAppender(new EntryWriter(this.#ring, layout), {
      ...options,
      ringBytes,
    });
    this.appender.onGapBegin = () => this.#beginGap();
    this.appender.onGapEnd = (gap) => this.#endGap(gap);
    const { directory, syncMs, retention, claim } = options;
    this.#data = {
      directory,
      ring,
      doorbell,
      start: options.start,
      synced: options.start,
      options: { segmentBytes, blockBytes, syncMs, retention },
      claim,
    };
    this.#writer = this.#startWriter();
    this.#watch = new StallWatch(
      this,
      (isStalled) => this.#stall(isStalled, `nothing got on disk within ${stalledMs / 1000} s`),
      stalledMs,
    );
  }

  /** End of what was appended. */
  get position(): number {
    return this.appender.position;
  }

  /** Everything before it is on disk. */
  get syncedPosition(): number {
    return this.#ring.synced;
  }

  /** Why nothing is written now; undefined while all is well. */
  get fault(): string | undefined {
    return this.#fault;
  }

  get figures(): JournalFigures {
    return { ...this.#figures, gaps: this.appender.gaps };
  }

  /**
   * Resolves when everything before `position` is on disk; with false if the journal is closed
   * before.
   */
  async whenSynced(position: number): Promise<boolean> {
    if (this.syncedPosition >= position) return true;
    if (this.#isClosed) return false;
    return new Promise((resolve) => {
      this.#waiters.push({ position, resolve });
      this.wantSynced(position);
    });
  }

  /** Calls `listener` after syncs while somebody wants them: see {@link wantSynced}. */
  listen(listener: (synced: number) => void): void {
    this.#listeners.push(listener);
  }

  /** Has listeners called after each sync, until everything before `position` is on disk. */
  wantSynced(position: number): void {
    if (position > this.#wanted) this.#wanted = position;
    if (!this.#isArmed && !this.#isClosed) this.#arm();
  }

  /** Recovery needs no entry before this position. */
  retain(from: number): void {
    if (this.#isClosed) return;
    this.#writer.retain(from);
    this.#ring.wake();
  }

  /**
   * Writes and syncs what was appended, as far as the disk allows: one that stands still is given
   * up after 10 s. Nothing may follow.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    const { position } = this;
    this.appender.appendClose(Date.now());
    await this.#end();
    const bytes = position - this.syncedPosition;
    if (bytes > 0) this.#log.error({ bytes }, 'the end of the journal is lost: the disk fails');
  }

  async #end(): Promise<void> {
    this.#isClosed = true;
    const stalled = new Promise<void>((resolve) => {
      this.#onStalled = resolve;
    });
    const ended = this.#writer.close();
    this.#ring.wake();
    if (!this.#watch.isStalled) await Promise.race([ended, stalled]);
    this.#watch.stop();
    this.#settle();
  }

  #startWriter(): JournalWriter {
    const data = { ...this.#data, synced: this.syncedPosition };
    return this.#start(
      data,
      (report) => this.#take(report),
      (reason) => this.#replaceWriter(reason),
    );
  }

  #replaceWriter(reason: string): void {
    this.#setFault(`the thread that writes it has failed: ${reason}`);
    if (this.#isClosed) return;
    setTimeout(() => {
      if (!this.#isClosed) this.#writer = this.#startWriter();
    }, RESTART_MS).unref();
  }

  #take({ fault, isLost, figures }: JournalReport): void {
    this.#figures = figures;
    this.#setFault(fault);
    if (!isLost) return;
    this.#isClosed = true;
    this.#watch.stop();
    this.#settle();
    this.#events.onLost(new StoreLostError(fault ?? 'the directory was taken over'));
  }

  #stall(isStalled: boolean, fault: string): void {
    // Its thread may have said why, and will say when that is over.
    if (this.#fault === (isStalled ? undefined : fault)) {
      this.#setFault(isStalled ? fault : undefined);
    }
    if (isStalled) this.#onStalled();
  }

  #setFault(fault: string | undefined): void {
    const { directory } = this.#data;
    if (fault !== undefined && this.#fault === undefined) {
      this.#log.error({ reason: fault, directory }, 'the journal cannot be written');
      this.#onFault();
    }
    if (fault === undefined && this.#fault !== undefined) {
      this.#log.info({ directory }, 'the journal can be written again');
    }
    this.#fault = fault;
  }

  #beginGap(): void {
    const { directory } = this.#data;
    this.#log.error({ directory }, 'ticks are not journaled: the disk cannot keep up, or fails');
    // With the next sync there may be space.
    this.wantSynced(this.position);
  }

  #endGap(gap: Gap): void {
    this.#log.warn({ ...gap }, 'ticks are journaled again');
    this.#events.onGapEnd(gap);
  }

  #arm(): void {
    this.#isArmed = true;
    const before = this.syncedPosition;
    this.#doorbell.arm(this.#onRing);
    // What was synced just before did not ring.
    if (this.syncedPosition > before || this.#wanted <= before) this.#doorbell.ring();
  }

  readonly #onRing = (): void => {
    this.#isArmed = false;
    this.#settle();
    if (this.appender.isInGap && !this.appender.tryEndGap()) this.wantSynced(this.position);
    if (this.#wanted > this.syncedPosition) this.wantSynced(this.#wanted);
  };

  #settle(): void {
    const synced = this.syncedPosition;
    for (const listener of this.#listeners) listener(synced);
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = this.#isClosed ? [] : waiters.filter(({ position }) => position > synced);
    for (const { position, resolve } of waiters) {
      if (position <= synced || this.#isClosed) resolve(position <= synced);
    }
  }
}
