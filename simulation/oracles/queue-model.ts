import { expectThat } from '../core/violation.ts';

/** A tick in a queue. */
export interface QueuedTick {
  readonly symbolId: number;
  readonly price: number;
  readonly time: number;
}

/**
 * A partition's queue as it ought to be: what was accepted, in order. Each tick leaves it once:
 * applied, overwritten when the queue was full, or skipped when a worker died on it.
 */
export class QueueModel {
  /** Ticks accepted so far. */
  offered = 0;
  /** Ticks that left so far. */
  taken = 0;
  lapped = 0;
  skipped = 0;
  /** The position whose tick is being applied, or was when the worker died; -1: none. */
  applying = -1;
  readonly #capacity: number;
  readonly #overwrites: boolean;
  /** Those from position `taken` on, and some before. */
  #ticks: QueuedTick[] = [];
  #first = 0;

  constructor(capacity: number, overwrites: boolean) {
    this.#capacity = capacity;
    this.#overwrites = overwrites;
  }

  /** Ticks that wait. */
  get depth(): number {
    return this.offered - this.taken;
  }

  offer(tick: QueuedTick): void {
    this.#ticks.push(tick);
    this.offered++;
    const waiting = this.depth;
    expectThat(
      this.#overwrites || waiting <= this.#capacity,
      'a bounded queue',
      () => `${waiting} ticks wait in a queue of ${this.#capacity}`,
    );
  }

  /** The last tick offered is taken back: the journal had no space for its frame. */
  withdraw(): void {
    this.#ticks.pop();
    this.offered--;
  }

  /** The tick at `position` is being applied: those before it, which were not, were overwritten. */
  begin(position: number, { symbolId, price, time }: QueuedTick): void {
    this.lapTo(position);
    const own = this.#ticks[position - this.#first];
    expectThat(
      own !== undefined && position === this.taken,
      'every accepted tick is applied at most once',
      () => `position ${position} is applied after ${this.taken} of ${this.offered} were taken`,
    );
    expectThat(
      own?.symbolId === symbolId && own.price === price && own.time === time,
      'ticks are applied as and in the order they were accepted',
      () =>
        `position ${position} holds ${JSON.stringify(own)}, ` +
        `applied was ${symbolId} ${price} ${time}`,
    );
    this.applying = position;
  }

  end(): void {
    this.applying = -1;
    this.taken++;
    this.#forget();
  }

  /** The tick that a worker died on was given up. */
  skip(): void {
    expectThat(
      this.applying >= 0,
      'skipped ticks',
      () => 'a tick was skipped that no worker died on',
    );
    this.applying = -1;
    this.skipped++;
    this.taken++;
  }

  /** Ticks before `position` are gone. */
  lapTo(position: number): void {
    const lost = position - this.taken;
    if (lost <= 0) return;
    expectThat(
      this.#overwrites && this.offered >= position - 1 + this.#capacity,
      'nothing is dropped but what a full queue gives up',
      () => `${lost} ticks before ${position} vanished, of ${this.offered} offered`,
    );
    this.lapped += lost;
    this.taken = position;
    this.#forget();
  }

  #forget(): void {
    const gone = this.taken - this.#first;
    if (gone < 4096) return;
    this.#ticks = this.#ticks.slice(gone);
    this.#first = this.taken;
  }
}
