import type { Clock } from '../../loadgen/clock.ts';
import type { Updates } from '../wires/wire.ts';
import type { PublisherConnection } from './publisher-connection.ts';

/** Timer resolution, ms. */
const TURN_MS = 1;
/** Up to this many updates a second, the generator spins before each is due, ms. */
const SPIN_RATE_MAX = 100;
const SPIN_MS = 2.5;
/** Beyond this the server does not keep up: due updates are skipped. */
const BUFFERED_BYTES_MAX = 4 << 20;
const MS_PER_SECOND = 1000;

export interface PacedOptions {
  readonly rate: number;
  readonly frameUpdates: number;
  /** One system call a message, as clients do that send at once. */
  readonly isEachWritten?: boolean;
  /** Time between two frames, ms, as of feeds that collect; 1 where absent. */
  readonly turnMs?: number;
}

/**
 * Open loop: plays updates on one connection at a fixed rate. Each carries its due time. Without
 * credit they wait; behind a full socket they are skipped and counted.
 */
export class PacedPublishing {
  due = 0;
  /** Skipped because of a full socket. */
  skipped = 0;
  readonly #connection: PublisherConnection;
  readonly #updates: Updates;
  readonly #options: PacedOptions;
  readonly #clock: Clock;
  /** Sent or skipped. */
  #done = 0;
  #startMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #immediate: ReturnType<typeof setImmediate> | undefined;

  constructor(
    connection: PublisherConnection,
    updates: Updates,
    options: PacedOptions,
    clock: Clock,
  ) {
    this.#connection = connection;
    this.#updates = updates;
    this.#options = options;
    this.#clock = clock;
  }

  /** Due updates not sent: skipped, or waiting for credit. */
  get notSent(): number {
    return this.due - this.#done + this.skipped;
  }

  start(): void {
    // Whole, so that due times of rates that divide 1000 are not rounded.
    this.#startMs = Math.ceil(this.#clock.now());
    this.#turn();
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }

  #turn(): void {
    this.#schedule();
    const { rate, frameUpdates } = this.#options;
    const connection = this.#connection;
    this.due = Math.floor(((this.#clock.now() - this.#startMs) * rate) / MS_PER_SECOND);
    const { length } = this.#updates.symbols;
    while (this.#done < this.due) {
      const from = this.#done % length;
      const count = Math.min(frameUpdates, this.due - this.#done, length - from);
      if (connection.credit < count) break;
      if (connection.bufferedBytes > BUFFERED_BYTES_MAX) this.skipped += count;
      else this.#send(from, count);
      this.#done += count;
    }
    connection.flush();
  }

  /** A timer of 1 ms fires up to 1 ms late: few updates are waited for exactly instead. */
  #schedule(): void {
    const { rate } = this.#options;
    const nextMs = this.#startMs + (this.due + 1) * (MS_PER_SECOND / rate) - this.#clock.now();
    if (rate <= SPIN_RATE_MAX && nextMs < SPIN_MS) {
      this.#immediate = setImmediate(() => this.#turn());
    } else {
      this.#timer = setTimeout(() => this.#turn(), this.#options.turnMs ?? TURN_MS);
    }
  }

  #send(from: number, count: number): void {
    const { times } = this.#updates;
    const msPerUpdate = MS_PER_SECOND / this.#options.rate;
    for (let i = 0; i < count; i++) {
      // Whole ms, as feeds send.
      times[from + i] = Math.floor(this.#startMs + (this.#done + i) * msPerUpdate);
    }
    this.#connection.add(this.#updates, from, from + count);
    if (this.#options.isEachWritten === true) this.#connection.flush();
  }
}
