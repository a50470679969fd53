import type { AliasTable } from './alias-table.ts';
import type { FrameSender } from './frame-sender.ts';
import { checkPrice, checkSymbol, checkTime, type Tick, type TickColumns } from './tick.ts';
import type { TickStream } from './tick-stream.ts';

export interface IntakeOptions {
  readonly batchTicksMax: number;
  readonly batchDelayMs: number;
  readonly bufferTicksMax: number;
}

/** Takes ticks into the open batch of a stream while there is room, and seals the batch in time. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #stream: TickStream;
  readonly #aliases: AliasTable;
  readonly #sender: FrameSender;
  readonly #timer: BatchTimer;
  readonly #batches = new WaitingBatches();
  /** Everything up to this position is sent without waiting for more. */
  #flushTo = 0;

  constructor(
    options: IntakeOptions,
    stream: TickStream,
    aliases: AliasTable,
    sender: FrameSender,
  ) {
    this.#options = options;
    this.#stream = stream;
    this.#aliases = aliases;
    this.#sender = sender;
    this.#timer = new BatchTimer(options.batchDelayMs, () => this.seal());
  }

  /** Ticks that fit in the buffer. */
  get roomTicks(): number {
    return this.#options.bufferTicksMax - this.#stream.buffer.length;
  }

  /** Whether a tick may be taken: there is room, and no batch waits for it. */
  get hasRoom(): boolean {
    return this.roomTicks > 0 && this.#batches.ticks === 0;
  }

  /** Ticks that {@link send} would take now, apart from the size limit of a frame. */
  get sendable(): number {
    const credit = this.#sender.credit - this.#stream.unframed;
    return Math.max(0, Math.min(credit, this.roomTicks));
  }

  /** Takes a validated tick. There must be room. */
  take(alias: number, price: number, time: number): void {
    this.#stream.take(alias, price, time);
    this.#added();
  }

  /**
   * Takes ticks as room permits; undefined if all were taken at once.
   *
   * @throws TypeError or RangeError for a tick that the server would refuse: none is taken then
   */
  takeBatch(ticks: readonly Tick[]): Promise<void> | undefined {
    const columns = this.#columnsOf(ticks);
    const taken = this.#batches.ticks > 0 ? 0 : this.#takeRows(columns, 0, ticks.length);
    return taken < ticks.length ? this.#batches.add(columns, taken, ticks.length) : undefined;
  }

  /** Takes waiting ticks as room permits. */
  takeWaiting(): void {
    this.#batches.move((columns, from, to) => this.#takeRows(columns, from, to));
  }

  /**
   * Takes rows `from` to `to` (exclusive) as far as limits permit, and sends them at once as one
   * frame; none while others wait. Returns how many.
   */
  send(columns: TickColumns, from: number, to: number): number {
    this.seal();
    if (this.#stream.unframed + this.#batches.ticks > 0) return 0;
    const ticks = Math.min(to - from, this.#sender.frameRoom, this.roomTicks);
    if (ticks <= 0) return 0;
    this.#stream.takeColumns(columns, from, ticks);
    this.#stream.seal();
    this.#sender.sendAsOne();
    return ticks;
  }

  /**
   * Sends the open batch and everything that waits, without waiting for more. Returns the position
   * of its end.
   */
  flush(): number {
    this.seal();
    this.#flushTo = this.#stream.taken + this.#batches.ticks;
    return this.#flushTo;
  }

  /** Sends the open batch. */
  seal(): void {
    if (this.#stream.open === 0) return;
    this.#timer.stop();
    this.#stream.seal();
    this.#sender.sendWaiting();
  }

  /** Ends the intake: nothing more is sent, and waiting batches are rejected. */
  end(reason: Error): void {
    this.#timer.stop();
    this.#batches.fail(reason);
  }

  #takeRows(columns: TickColumns, from: number, to: number): number {
    const ticks = Math.min(to - from, this.roomTicks);
    if (ticks <= 0) return 0;
    this.#stream.takeColumns(columns, from, ticks);
    this.#added();
    return ticks;
  }

  #added(): void {
    const { open, taken } = this.#stream;
    const isFull = open >= this.#options.batchTicksMax || this.roomTicks === 0;
    if (isFull || taken <= this.#flushTo) this.seal();
    else this.#timer.start();
  }

  #columnsOf(ticks: readonly Tick[]): TickColumns {
    for (const [i, { symbol, price, time }] of ticks.entries()) {
      if (this.#aliases.find(symbol) === undefined) checkSymbol(symbol, `ticks[${i}].symbol`);
      checkPrice(price, `ticks[${i}].price`);
      checkTime(time, `ticks[${i}].time`);
    }
    return {
      aliases: Uint32Array.from(ticks, ({ symbol }) => this.#aliases.aliasOf(symbol)),
      prices: Float64Array.from(ticks, ({ price }) => price),
      times: Float64Array.from(ticks, ({ time }) => time ?? Number.NaN),
    };
  }
}

/** Seals the open batch a while after its first tick. */
class BatchTimer {
  readonly #delayMs: number;
  readonly #seal: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isScheduled = false;

  /** @param delayMs 0: once the current microtasks have run */
  constructor(delayMs: number, seal: () => void) {
    this.#delayMs = delayMs;
    this.#seal = seal;
  }

  /** A tick came. */
  start(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    if (this.#delayMs === 0) queueMicrotask(() => this.#run());
    else this.#timer = setTimeout(() => this.#run(), this.#delayMs);
  }

  /** The batch was sealed early. */
  stop(): void {
    // A microtask cannot be cancelled: it finds an empty batch, or one that may be sent early.
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isScheduled = false;
  }

  #run(): void {
    this.#timer = undefined;
    this.#isScheduled = false;
    this.#seal();
  }
}

interface WaitingBatch {
  readonly columns: TickColumns;
  readonly ticks: number;
  /** The first row not taken yet. */
  at: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Batches that wait for room, in the order of the calls. */
class WaitingBatches {
  readonly #waiting: WaitingBatch[] = [];
  /** Waiting ticks. */
  ticks = 0;

  /** Queues the rows from `at` on; resolves once all were taken. */
  add(columns: TickColumns, at: number, ticks: number): Promise<void> {
    this.ticks += ticks - at;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ columns, ticks, at, resolve, reject });
    });
  }

  /**
   * @param take takes as many of the rows `from` to `to` (exclusive) as it can, and returns how
   *   many
   */
  move(take: (columns: TickColumns, from: number, to: number) => number): void {
    for (let batch = this.#waiting[0]; batch !== undefined; batch = this.#waiting[0]) {
      const taken = take(batch.columns, batch.at, batch.ticks);
      batch.at += taken;
      this.ticks -= taken;
      if (batch.at < batch.ticks) return;
      this.#waiting.shift();
      batch.resolve();
    }
  }

  fail(error: Error): void {
    this.ticks = 0;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
