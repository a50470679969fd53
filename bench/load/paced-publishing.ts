import type { Clock } from '../../loadgen/clock.ts';
import type { Updates } from '../wires/wire.ts';
import type { PublisherConnection } from './publisher-connection.ts';

/** How often due updates are looked for, ms: what a timer can do. */
const TURN_MS = 1;
/** A socket that holds more than this skips what is due: the server does not keep up. */
const BUFFERED_BYTES_MAX = 4 << 20;
const MS_PER_SECOND = 1000;

export interface PacedOptions {
  /** Updates a second. */
  readonly rate: number;
  /** Updates a message at most. */
  readonly frameUpdates: number;
  /**
   * Whether each message takes a system call of its own, as with clients that send what they have
   * at once.
   */
  readonly isEachWritten?: boolean;
}

/**
 * Plays updates on one connection at a rate, whatever the server does (open loop): each is due at
 * its time, and carries it. Without credit they wait; behind a full socket they are left out, and
 * counted.
 */
export class PacedPublishing {
  /** Updates that were due so far. */
  due = 0;
  /** Those that a full socket left out. */
  skipped = 0;
  readonly #connection: PublisherConnection;
  readonly #updates: Updates;
  readonly #options: PacedOptions;
  readonly #clock: Clock;
  /** Updates handed over or left out. */
  #done = 0;
  #startMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

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

  /** Updates that did not go: left out, or still waiting for credit. */
  get notSent(): number {
    return this.due - this.#done + this.skipped;
  }

  start(): void {
    this.#startMs = this.#clock.now();
    this.#turn();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #turn(): void {
    this.#timer = setTimeout(() => this.#turn(), TURN_MS);
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

  #send(from: number, count: number): void {
    const { times } = this.#updates;
    const msPerUpdate = MS_PER_SECOND / this.#options.rate;
    for (let i = 0; i < count; i++) {
      // Whole ms, as feeds send them.
      times[from + i] = Math.floor(this.#startMs + (this.#done + i) * msPerUpdate);
    }
    this.#connection.add(this.#updates, from, from + count);
    if (this.#options.isEachWritten === true) this.#connection.flush();
  }
}
