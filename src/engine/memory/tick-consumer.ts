import { float64s, int32s } from '../../threads/shared-memory.ts';
import { assertEqual, assertRange } from '../assert.ts';
import { Counter, type Counters } from './counters.ts';
import { loadAfterReads } from './fence.ts';
import { WorkerHold } from './partition-holder.ts';
import {
  capacityOf,
  FAR_APART,
  RingDouble,
  RingSize,
  RingWord,
  type TickColumns,
} from './tick-ring.ts';

const { HEADER_DOUBLES, HEADER_WORDS, SLOT_DOUBLES, SLOT_WORDS } = RingSize;
const { OFFERED, RELEASED } = RingDouble;
const { APPLYING, APPLYING_SYMBOL, HEAD, INTENT, START, STOP, TAIL } = RingWord;

/**
 * Checks of the queue before sleeping: a frame that is about to arrive finds the consumer awake.
 */
const SPINS_BEFORE_SLEEP = 200;
const POSITION_DISTANCE_MAX = 0x7fff_ffff;

const NEVER = () => false;

/** Returned by {@link TickConsumer.poll}: ticks were overwritten, without space to say so. */
export const BLOCKED = -1;

/** Takes reports of overwritten ticks, before anything else tells that they are gone. */
export interface LapReports {
  readonly hasSpace: () => boolean;
  /** Positions `from` to `to` (exclusive), counted since the ring was made. May be repeated. */
  readonly append: (from: number, to: number) => void;
}

const UNREPORTED: LapReports = { hasSpace: () => true, append: () => undefined };

/** The consumer's end. One thread only; nothing but {@link sleep} blocks; never allocates. */
export class TickConsumer {
  readonly #counters: Counters;
  readonly #hold: WorkerHold;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #capacity: number;
  readonly #mask: number;
  readonly #reports: LapReports;
  #head: number;

  /** @param counters count the ticks that were overwritten before they were read */
  constructor(memory: SharedArrayBuffer, counters: Counters, reports = UNREPORTED) {
    this.#counters = counters;
    this.#reports = reports;
    this.#words = int32s(memory);
    this.#hold = new WorkerHold(this.#words);
    this.#doubles = float64s(memory);
    this.#capacity = capacityOf(memory);
    this.#mask = this.#capacity - 1;
    this.#head = Atomics.load(this.#words, HEAD);
  }

  /**
   * Copies up to `limit` whole ticks into `columns` from index 0. They are taken one by one, with
   * {@link begin} and {@link end}.
   *
   * @returns how many; 0 when there are none at this moment; {@link BLOCKED}
   */
  poll(columns: TickColumns, limit: number): number {
    const behind = (this.#doubles[OFFERED] as number) - this.#counters.taken();
    if (behind > FAR_APART && !this.#trySkip(behind - this.#capacity)) return BLOCKED;
    const queued = (Atomics.load(this.#words, TAIL) - this.#head) | 0;
    if (queued <= 0) {
      // HEAD passes TAIL only over ticks that were overwritten before they were published.
      if (queued < 0) this.#assertBehind(Atomics.load(this.#words, INTENT), 0);
      return 0;
    }
    const lapped = queued - this.#capacity;
    if (lapped > 0 && !this.#trySkip(lapped)) return BLOCKED;
    const count = Math.min(queued, limit, this.#capacity);
    this.#copy(columns, count);
    const intent = loadAfterReads(this.#words, INTENT);
    this.#assertBehind(intent, count);
    const overwritten = (intent - this.#capacity - this.#head) | 0;
    if (overwritten <= 0) return count;
    // The rest of the batch was copied whole: move it to the front.
    const lost = Math.min(overwritten, count);
    if (!this.#trySkip(overwritten)) return BLOCKED;
    if (lost === count) return 0;
    columns.symbolIds.copyWithin(0, lost, count);
    columns.prices.copyWithin(0, lost, count);
    columns.times.copyWithin(0, lost, count);
    columns.receivedAt.copyWithin(0, lost, count);
    columns.receivedUs.copyWithin(0, lost, count);
    return count - lost;
  }

  /**
   * Marks the next tick as being applied: if this thread dies, its successor skips just that one.
   */
  begin(symbolId: number): void {
    this.#words[APPLYING_SYMBOL] = symbolId;
    this.#words[APPLYING] = this.#head;
  }

  /** Takes the tick marked by {@link begin}, which is applied and counted. */
  end(): void {
    this.#head = (this.#head + 1) | 0;
  }

  /** Returns the slots of all taken ticks to the producer. */
  release(): void {
    this.#doubles[RELEASED] = this.#counters.taken();
    Atomics.store(this.#words, HEAD, this.#head);
  }

  /** @throws InvariantError unless the counters count exactly the ticks taken */
  assertCounted(): void {
    assertEqual('position by the counters', this.#headByCounters(), this.#head);
  }

  /**
   * For the successor of a dead consumer: the symbol of the tick that was begun but not counted; -1
   * if none. The caller counts it as skipped.
   */
  interrupted(): number {
    if (this.#words[APPLYING] !== this.#headByCounters()) return -1;
    return this.#words[APPLYING_SYMBOL] as number;
  }

  /** Moves HEAD past every counted tick, whether or not the predecessor did. */
  resume(): void {
    this.#head = this.#headByCounters();
    this.release();
  }

  /** The other thread that may hold the partition has taken ticks. */
  reload(): void {
    this.#head = Atomics.load(this.#words, HEAD);
  }

  /** Takes the partition after a {@link sleep}, or before anything else. */
  acquire(): void {
    this.#hold.acquire();
  }

  /**
   * Lets go of the partition until {@link acquire}. Blocks until there may be ticks, or a stop was
   * requested, or {@link TickProducer.wake} was called after `isCalled` became true; 1 s at most.
   *
   * @param spins checks of the queue before sleeping
   */
  sleep(isCalled: () => boolean = NEVER, spins = SPINS_BEFORE_SLEEP): void {
    for (let i = 0; i < spins; i++) {
      if (this.#hasWork()) return;
    }
    this.#hold.rest();
    // A producer that published before that was visible did not wake this thread: look again.
    if (!this.#hasWork() && !isCalled()) this.#hold.sleep();
  }

  isStopping(): boolean {
    return Atomics.load(this.#words, STOP) === 1;
  }

  #hasWork(): boolean {
    return Atomics.load(this.#words, TAIL) !== this.#head || this.isStopping();
  }

  #headByCounters(): number {
    return ((this.#words[START] as number) + this.#counters.taken()) | 0;
  }

  /**
   * The producer announces in INTENT before it publishes, so HEAD and `count` ticks are not beyond
   * it.
   */
  #assertBehind(intent: number, count: number): void {
    assertRange('ticks ahead of HEAD', (intent - this.#head) | 0, count, POSITION_DISTANCE_MAX);
  }

  /** Moves past overwritten ticks, reported first: a successor would report them again. */
  #trySkip(count: number): boolean {
    if (!this.#reports.hasSpace()) return false;
    const from = this.#counters.taken();
    this.#reports.append(from, from + count);
    this.#counters.add(Counter.LAPPED, count);
    this.#head = (this.#head + count) | 0;
    // Left behind, it could seem to be HEAD once positions have wrapped.
    this.#words[APPLYING] = (this.#head - 1) | 0;
    this.release();
    return true;
  }

  #copy(columns: TickColumns, count: number): void {
    for (let i = 0; i < count; i++) {
      const slot = (this.#head + i) & this.#mask;
      const double = HEADER_DOUBLES + slot * SLOT_DOUBLES;
      const word = HEADER_WORDS + slot * SLOT_WORDS;
      columns.symbolIds[i] = this.#words[word] as number;
      columns.receivedUs[i] = this.#words[word + 1] as number;
      columns.prices[i] = this.#doubles[double + 1] as number;
      columns.times[i] = this.#doubles[double + 2] as number;
      columns.receivedAt[i] = this.#doubles[double + 3] as number;
    }
  }
}
