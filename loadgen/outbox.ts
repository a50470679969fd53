import type { Publisher } from '../client-sdk/src/index.ts';
import type { Clock } from './clock.ts';
import type { Latency } from './latency.ts';
import type { Ledger } from './ledger.ts';

/** Ticks that wait for one publisher at most; beyond, its source waits. */
const CAPACITY = 16_384;

/** What every outbox of a run shares. */
export interface OutboxOptions {
  /** Ticks a frame at most. */
  readonly frameTicks: number;
  readonly clock: Clock;
  /** Gets the time from when a frame's oldest tick was due until it was sent. */
  readonly sendDelay: Latency;
  /** Gets what was sent. */
  readonly ledger: Ledger;
}

/** The ticks that one publisher is to send next, in columns, and when they were due. */
export class Outbox {
  readonly publisher: Publisher;
  readonly #options: OutboxOptions;
  readonly #columns = {
    aliases: new Uint32Array(CAPACITY),
    prices: new Float64Array(CAPACITY),
    times: new Float64Array(CAPACITY),
  };
  readonly #symbols = new Uint32Array(CAPACITY);
  /** When each was due, ms since the epoch. */
  readonly #due = new Float64Array(CAPACITY);
  #first = 0;
  #end = 0;
  /** When the oldest tick of each unacknowledged frame was due. */
  readonly #openFrames: number[] = [];

  constructor(publisher: Publisher, options: OutboxOptions) {
    this.publisher = publisher;
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#end === CAPACITY;
  }

  /** Ticks that wait. */
  get length(): number {
    return this.#end - this.#first;
  }

  /** Adds a tick; only while not {@link isFull}. A full frame goes at once. */
  add(symbol: number, alias: number, price: number, time: number, due: number): void {
    const at = this.#end++;
    this.#columns.aliases[at] = alias;
    this.#columns.prices[at] = price;
    this.#columns.times[at] = time;
    this.#symbols[at] = symbol;
    this.#due[at] = due;
    const waiting = this.#end - this.#first;
    if (waiting % this.#options.frameTicks === 0 || this.isFull) this.send();
  }

  /** Sends what waits, as far as credit goes. */
  send(): void {
    const { frameTicks, clock, sendDelay, ledger } = this.#options;
    const { prices, times } = this.#columns;
    while (this.#first < this.#end) {
      const from = this.#first;
      const taken = this.publisher.tryPublish(
        this.#columns,
        from,
        Math.min(this.#end, from + frameTicks),
      );
      if (taken === 0) break;
      const due = this.#due[from] as number;
      this.#openFrames.push(due);
      sendDelay.record(clock.now() - due);
      for (let i = from; i < from + taken; i++) {
        ledger.note(this.#symbols[i] as number, prices[i] as number, times[i] as number);
      }
      this.#first += taken;
    }
    this.#makeRoom();
  }

  /** When the oldest ticks of the oldest open frames were due; the server acknowledged so many of them. */
  acknowledged(frames: number): readonly number[] {
    return this.#openFrames.splice(0, frames);
  }

  #makeRoom(): void {
    if (this.#first === 0 || (this.#first < this.#end && this.#end < CAPACITY)) return;
    for (const column of [...Object.values(this.#columns), this.#symbols, this.#due]) {
      column.copyWithin(0, this.#first, this.#end);
    }
    this.#end -= this.#first;
    this.#first = 0;
  }
}
