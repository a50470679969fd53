import type { Publisher } from '../client-sdk/src/index.ts';
import type { Clock } from './clock.ts';
import type { Ledger } from './ledger.ts';

/** Ticks that wait for one publisher at most; beyond, its source waits. */
export const OUTBOX_TICKS_MAX = 16_384;

/** What every outbox of a run shares. */
export interface OutboxOptions {
  /** Ticks a frame at most. */
  readonly frameTicks: number;
  /** Ticks that may wait, {@link OUTBOX_TICKS_MAX} at most. */
  readonly waitingMax: number;
  readonly clock: Clock;
  /** Called for each frame: due time of its oldest tick and time of sending, ms since the epoch. */
  readonly recordDelay: (due: number, sentAt: number) => void;
  /** Gets what was sent. */
  readonly ledger: Ledger;
}

/** The ticks that one publisher is to send next, in columns, and when they were due. */
export class Outbox {
  readonly publisher: Publisher;
  readonly #options: OutboxOptions;
  readonly #columns = {
    aliases: new Uint32Array(OUTBOX_TICKS_MAX),
    prices: new Float64Array(OUTBOX_TICKS_MAX),
    times: new Float64Array(OUTBOX_TICKS_MAX),
  };
  readonly #symbols = new Uint32Array(OUTBOX_TICKS_MAX);
  /** When each was due, ms since the epoch. */
  readonly #due = new Float64Array(OUTBOX_TICKS_MAX);
  #first = 0;
  #end = 0;
  /**
   * Of each unacknowledged frame: when its oldest tick was due, and how many ticks there were with
   * it.
   */
  readonly #openFrames: { readonly due: number; readonly end: number }[] = [];
  #sent = 0;
  #acknowledged = 0;

  constructor(publisher: Publisher, options: OutboxOptions) {
    this.publisher = publisher;
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#end - this.#first >= this.#options.waitingMax;
  }

  /** Ticks that wait. */
  get length(): number {
    return this.#end - this.#first;
  }

  /**
   * Adds a tick; only while not {@link isFull}. A full frame goes at once. `due` NaN: it is due
   * whenever it is sent.
   */
  add(symbol: number, alias: number, price: number, time: number, due: number): void {
    const at = this.#end++;
    this.#columns.aliases[at] = alias;
    this.#columns.prices[at] = price;
    this.#columns.times[at] = time;
    this.#symbols[at] = symbol;
    this.#due[at] = due;
    const waiting = this.#end - this.#first;
    if (waiting % this.#options.frameTicks === 0 || this.#end === OUTBOX_TICKS_MAX) this.send();
  }

  /** Sends what waits, as far as credit goes. */
  send(): void {
    const { frameTicks, clock, recordDelay, ledger } = this.#options;
    const { prices, times } = this.#columns;
    while (this.#first < this.#end) {
      const from = this.#first;
      const taken = this.publisher.tryPublish(
        this.#columns,
        from,
        Math.min(this.#end, from + frameTicks),
      );
      if (taken === 0) break;
      const sentAt = clock.now();
      const scheduled = this.#due[from] as number;
      const due = Number.isNaN(scheduled) ? sentAt : scheduled;
      this.#sent += taken;
      this.#openFrames.push({ due, end: this.#sent });
      recordDelay(due, sentAt);
      for (let i = from; i < from + taken; i++) {
        ledger.note(this.#symbols[i] as number, prices[i] as number, times[i] as number);
      }
      this.#first += taken;
    }
    this.#makeRoom();
  }

  /** When the oldest ticks of the frames were due that so many more acknowledged ticks complete. */
  acknowledged(ticks: number): readonly number[] {
    this.#acknowledged += ticks;
    const open = this.#openFrames.findIndex(({ end }) => end > this.#acknowledged);
    const done = this.#openFrames.splice(0, open < 0 ? this.#openFrames.length : open);
    return done.map(({ due }) => due);
  }

  #makeRoom(): void {
    if (this.#first === 0 || (this.#first < this.#end && this.#end < OUTBOX_TICKS_MAX)) return;
    for (const column of [...Object.values(this.#columns), this.#symbols, this.#due]) {
      column.copyWithin(0, this.#first, this.#end);
    }
    this.#end -= this.#first;
    this.#first = 0;
  }
}
