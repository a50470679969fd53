import type { Anomaly } from '../engine/index.ts';
import { encodeBatch } from './batches.ts';
import type { Environment } from './environment.ts';
import type { StoreLog, StoreOptions } from './store.ts';

/** Anomalies in one transaction: about 40 ms of the writer's time. */
const BATCH_MAX = 4096;

/** Consecutive anomalies, written in one transaction. */
export class Batch {
  readonly firstOrdinal: number;
  readonly items: Anomaly[] = [];
  readonly bySymbol = new Map<string, Anomaly[]>();

  constructor(firstOrdinal: number) {
    this.firstOrdinal = firstOrdinal;
  }

  get endOrdinal(): number {
    return this.firstOrdinal + this.items.length;
  }

  append(anomaly: Anomaly): void {
    this.items.push(anomaly);
    const ofSymbol = this.bySymbol.get(anomaly.symbol);
    if (ofSymbol === undefined) this.bySymbol.set(anomaly.symbol, [anomaly]);
    else ofSymbol.push(anomaly);
  }
}

/**
 * Anomalies that are not on disk yet, in order of arrival. The writer may hold the first batch; new
 * anomalies join the last.
 */
export class WriteBuffer {
  readonly #batches: Batch[] = [];
  readonly #countMax: number;
  #nextOrdinal: number;
  #count = 0;
  /** The batch that the writer holds: it is neither extended nor dropped. */
  #taken: Batch | undefined;

  /** @param countMax anomalies held before the oldest are dropped */
  constructor(firstOrdinal: number, countMax: number) {
    this.#nextOrdinal = firstOrdinal;
    this.#countMax = countMax;
  }

  get count(): number {
    return this.#count;
  }

  /** The ordinal of the next anomaly. */
  get nextOrdinal(): number {
    return this.#nextOrdinal;
  }

  /** The ordinal of the oldest in the buffer; {@link nextOrdinal} when it is empty. */
  get firstOrdinal(): number {
    return this.#batches[0]?.firstOrdinal ?? this.#nextOrdinal;
  }

  get oldest(): readonly Batch[] {
    return this.#batches;
  }

  /** Adds an anomaly. Returns how many of the oldest were dropped for it. */
  append(anomaly: Anomaly): number {
    const dropped = this.#count >= this.#countMax ? this.#dropOldest() : 0;
    let batch = this.#batches.at(-1);
    if (batch === undefined || batch === this.#taken || batch.items.length >= BATCH_MAX) {
      batch = new Batch(this.#nextOrdinal);
      this.#batches.push(batch);
    }
    batch.append(anomaly);
    this.#nextOrdinal++;
    this.#count++;
    return dropped;
  }

  /** Hands the oldest batch to the writer, which then calls {@link release} or {@link remove}. */
  take(): Batch | undefined {
    this.#taken = this.#batches[0];
    return this.#taken;
  }

  /** The batch taken could not be written. */
  release(): void {
    this.#taken = undefined;
  }

  /** The batch taken is on disk. */
  remove(): void {
    if (this.#taken === undefined) return;
    this.#batches.shift();
    this.#count -= this.#taken.items.length;
    this.#taken = undefined;
  }

  /** The anomalies of a symbol, oldest first. */
  ofSymbol(symbol: string): Anomaly[] {
    const anomalies: Anomaly[] = [];
    for (const batch of this.#batches) {
      const ofSymbol = batch.bySymbol.get(symbol);
      if (ofSymbol !== undefined) for (const anomaly of ofSymbol) anomalies.push(anomaly);
    }
    return anomalies;
  }

  /** Drops a whole batch: dropping single anomalies would slow down every append. */
  #dropOldest(): number {
    const at = this.#batches[0] === this.#taken ? 1 : 0;
    const [batch] = this.#batches.splice(at, 1);
    const count = batch?.items.length ?? 0;
    this.#count -= count;
    return count;
  }
}

/** How long `async` gathers before it writes, ms: leaves most of the promised 50 ms to the disk. */
const COMMIT_DELAY_MS = 10;
const RETRY_MS = 1000;

interface FlushWaiter {
  /** Resolved when all ordinals below this are on disk. */
  readonly ordinal: number;
  readonly resolve: (isDurable: boolean) => void;
}

/** Writes the buffer to disk, a batch at a time. While the disk fails, tries again every second. */
export class WriteLoop {
  readonly #options: StoreOptions;
  readonly #environment: Environment;
  readonly #waiting: WriteBuffer;
  readonly #log: StoreLog;
  #waiters: FlushWaiter[] = [];
  #fault: string | undefined;
  #isClosed = false;
  /** The writing in progress. */
  #writing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;

  constructor(
    options: StoreOptions,
    environment: Environment,
    waiting: WriteBuffer,
    log: StoreLog,
  ) {
    this.#options = options;
    this.#environment = environment;
    this.#waiting = waiting;
    this.#log = log;
  }

  /** Why the last write failed; undefined when it succeeded. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Writes soon what was added. */
  schedule(): void {
    const isScheduled = this.#timer !== undefined || this.#immediate !== undefined;
    if (this.#writing !== undefined || isScheduled) return;
    if (this.#options.mode === 'sync') this.#immediate = setImmediate(this.#writeNext);
    else this.#timer = setTimeout(this.#writeNext, COMMIT_DELAY_MS);
  }

  async flushed(): Promise<boolean> {
    if (this.#waiting.count === 0) return true;
    if (this.#fault !== undefined) return false;
    const ordinal = this.#waiting.nextOrdinal;
    return new Promise((resolve) => {
      this.#waiters.push({ ordinal, resolve });
      this.#writeNext();
    });
  }

  /** Writes the buffer as far as the disk allows. Nothing is written afterwards. */
  async close(): Promise<void> {
    await this.#writing;
    while (this.#waiting.count > 0 && (await this.#attempt())) {
      // An attempt writes one batch.
    }
    this.#isClosed = true;
    this.#unschedule();
    this.#settleAll(false);
    const count = this.#waiting.count;
    if (count > 0) this.#log.error({ count }, 'anomalies are lost: the disk fails');
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
    // Anomalies added meanwhile are gathered first, unless a flush waits for them.
    const { nextOrdinal } = this.#waiting;
    do {
      if (!(await this.#attempt())) return;
    } while (this.#waiting.firstOrdinal < nextOrdinal || this.#waiters.length > 0);
  }

  /** Writes the oldest batch. */
  async #attempt(): Promise<boolean> {
    const batch = this.#waiting.take();
    if (batch === undefined) return true;
    try {
      await this.#environment.write(encodeBatch(batch.items, batch.firstOrdinal));
    } catch (error) {
      this.#waiting.release();
      this.#fail(error instanceof Error ? error.message : String(error));
      return false;
    }
    this.#waiting.remove();
    this.#succeed();
    return true;
  }

  #succeed(): void {
    if (this.#fault !== undefined) {
      this.#fault = undefined;
      this.#log.info({}, 'the store can be written again');
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
    const consequence = 'anomalies are held in memory only';
    this.#fault = `the store in ${directory} cannot be written: ${reason}; ${consequence}`;
    this.#settleAll(false);
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
