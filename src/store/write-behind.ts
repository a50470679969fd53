import type { RaisedRecord } from '../protocol/index.ts';
import { encodeBatch } from './batches.ts';
import type { Environment } from './environment.ts';
import type { StoreLog, StoreOptions, WriteAhead } from './store.ts';
import type { StoredKind } from './stored-kinds.ts';
import { awaitSynced } from './write-ahead.ts';
import type { WriteBuffer } from './write-buffer.ts';

/** How long `async` gathers before it writes, ms: leaves most of the promised 50 ms to the disk. */
const COMMIT_DELAY_MS = 10;
const RETRY_MS = 1000;
/** A disk that has not finished a write for this long counts as failed, ms. */
const STALLED_MS = 10_000;
/** In so many looks: of the time that this process stands still, no more than one look counts. */
const STALL_LOOKS = 10;
/** Minimum time between two log lines about records given up, ms. */
const LOG_MS = 60_000;

interface FlushWaiter {
  /** Resolved when all ordinals below this are on disk. */
  readonly ordinal: number;
  readonly resolve: (isDurable: boolean) => void;
}

/** Writes the buffer to disk, a batch at a time. While the disk fails, tries again every second. */
export class WriteLoop<R extends RaisedRecord> {
  /** Each batch waits until its causes are on disk there. */
  journal: WriteAhead | undefined;
  readonly #kind: StoredKind<R>;
  readonly #options: StoreOptions;
  readonly #environment: Pick<Environment, 'write'>;
  readonly #waiting: WriteBuffer<R>;
  readonly #log: StoreLog;
  readonly #stalledMs: number;
  #waiters: FlushWaiter[] = [];
  #fault: string | undefined;
  #isClosed = false;
  /** Whether the write in progress takes too long: the thread may never answer. */
  #isStalled = false;
  #onStalled: () => void = () => undefined;
  /** The writing in progress. */
  #writing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #stallTimer: NodeJS.Timeout | undefined;
  /**
   * When a write last succeeded, or when the buffer last ceased to be empty, on the clock of
   * `performance.now`, ms.
   */
  #progressAt = 0;
  #givenUp = 0;
  /** Of these, those that the log has told of, and when it last did. */
  #loggedCount = 0;
  #loggedAt = Number.NEGATIVE_INFINITY;

  /** @param stalledMs replaces {@link STALLED_MS} in tests */
  constructor(
    kind: StoredKind<R>,
    options: StoreOptions,
    environment: Pick<Environment, 'write'>,
    waiting: WriteBuffer<R>,
    log: StoreLog,
    stalledMs = STALLED_MS,
  ) {
    this.#kind = kind;
    this.#options = options;
    this.#environment = environment;
    this.#waiting = waiting;
    this.#log = log;
    this.#stalledMs = stalledMs;
  }

  /** Why the last write failed, or takes too long; undefined when the last one succeeded. */
  get fault(): string | undefined {
    if (this.#fault === undefined || this.#givenUp === 0) return this.#fault;
    return `${this.#fault}; ${this.#givenUp} were given up`;
  }

  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** Records given up since the start. */
  get givenUp(): number {
    return this.#givenUp;
  }

  /** Whether a full buffer may lose its oldest: nothing was written for too long. */
  get mayGiveUp(): boolean {
    if (this.#options.mayGiveUp !== true || this.#fault === undefined) return false;
    return performance.now() - this.#progressAt >= this.#stalledMs;
  }

  /** Drops the oldest batch. The log says so once a minute. */
  giveUp(): void {
    this.#givenUp += this.#waiting.dropOldest();
    if (performance.now() - this.#loggedAt >= LOG_MS) this.#logGivenUp();
  }

  /** Writes soon what was added. */
  schedule(): void {
    if (this.#waiting.count === 1) this.#progressAt = performance.now();
    const isScheduled = this.#timer !== undefined || this.#immediate !== undefined;
    if (this.#writing !== undefined || isScheduled) return;
    if (this.#options.mode === 'sync') this.#immediate = setImmediate(this.#writeNext);
    else this.#timer = setTimeout(this.#writeNext, COMMIT_DELAY_MS);
  }

  async flushed(): Promise<boolean> {
    if (this.#waiting.count === 0) return true;
    if (this.#fault !== undefined || this.#isClosed) return false;
    const ordinal = this.#waiting.nextOrdinal;
    return new Promise((resolve) => {
      this.#waiters.push({ ordinal, resolve });
      this.#writeNext();
    });
  }

  /**
   * Writes the buffer as far as the disk allows. Nothing is written afterwards.
   *
   * @returns records that are lost
   */
  async close(): Promise<number> {
    const stalled = new Promise<false>((resolve) => {
      this.#onStalled = () => resolve(false);
    });
    if (!this.#isStalled) await Promise.race([this.#writing, stalled]);
    while (!this.#isStalled && this.#waiting.count > 0) {
      // An attempt writes one batch.
      if (!(await Promise.race([this.#attempt(), stalled]))) break;
    }
    this.#isClosed = true;
    this.#unschedule();
    this.#settleAll(false);
    const { count } = this.#waiting;
    if (count > 0) this.#log.error({ count }, `${this.#kind.name} are lost: the disk fails`);
    return count;
  }

  readonly #writeNext = (): void => {
    this.#unschedule();
    if (this.#writing !== undefined || this.#isClosed) return;
    this.#writing = this.#writeAll().finally(() => {
      this.#writing = undefined;
      if (this.#isClosed || this.#waiting.count === 0) return;
      if (this.#fault === undefined) this.schedule();
      else this.#timer = setTimeout(this.#writeNext, RETRY_MS).unref();
    });
  };

  async #writeAll(): Promise<void> {
    // Records added meanwhile are gathered first, unless a flush waits for them.
    const { nextOrdinal } = this.#waiting;
    do {
      if (!(await this.#attempt())) return;
    } while (this.#waiting.firstOrdinal < nextOrdinal || this.#waiters.length > 0);
  }

  /** Writes the oldest batch. */
  async #attempt(): Promise<boolean> {
    const batch = this.#waiting.take();
    if (batch === undefined) return true;
    const unsynced = this.journal && (await awaitSynced(this.journal, batch.position));
    if (unsynced !== undefined) {
      this.#waiting.release();
      this.#fail(unsynced);
      return false;
    }
    this.#watch();
    try {
      const bytes = encodeBatch(this.#kind, batch.items, batch.firstOrdinal);
      await this.#environment.write(this.#kind.name, bytes);
    } catch (error) {
      this.#waiting.release();
      this.#fail(error instanceof Error ? error.message : String(error));
      return false;
    } finally {
      clearTimeout(this.#stallTimer);
      this.#isStalled = false;
    }
    this.#waiting.remove();
    this.#succeed();
    return true;
  }

  /**
   * Waits for {@link #stall}. While this process is paused no look is taken, and what the writer
   * answered meanwhile is read before the next one.
   */
  #watch(looks = STALL_LOOKS): void {
    this.#stallTimer = setTimeout(() => {
      if (looks > 1) this.#watch(looks - 1);
      else this.#stall();
    }, this.#stalledMs / STALL_LOOKS).unref();
  }

  readonly #stall = (): void => {
    this.#isStalled = true;
    this.#fail(`a write has not finished within ${this.#stalledMs / 1000} s`);
    this.#onStalled();
  };

  #succeed(): void {
    this.#progressAt = performance.now();
    if (this.#fault !== undefined) {
      this.#fault = undefined;
      this.#log.info({}, 'the store can be written again');
      if (this.#givenUp > this.#loggedCount) this.#logGivenUp();
      this.#loggedAt = Number.NEGATIVE_INFINITY;
    }
    const { firstOrdinal } = this.#waiting;
    const due = this.#waiters.filter(({ ordinal }) => ordinal <= firstOrdinal);
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter(({ ordinal }) => ordinal > firstOrdinal);
    for (const { resolve } of due) resolve(true);
  }

  #fail(reason: string): void {
    const { directory } = this.#options;
    if (this.#fault === undefined) {
      this.#log.error({ reason, directory }, 'the store cannot be written');
    }
    const consequence = `${this.#kind.name} are held in memory only`;
    this.#fault = `the store in ${directory} cannot be written: ${reason}; ${consequence}`;
    this.#settleAll(false);
  }

  #logGivenUp(): void {
    const count = this.#givenUp - this.#loggedCount;
    this.#loggedCount = this.#givenUp;
    this.#loggedAt = performance.now();
    const { directory } = this.#options;
    this.#log.error(
      { count, total: this.#givenUp, directory },
      `${this.#kind.name} are given up: the disk has failed for too long`,
    );
  }

  #unschedule(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = undefined;
    this.#immediate = undefined;
  }

  #settleAll(isDurable: boolean): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { resolve } of waiters) resolve(isDurable);
  }
}
