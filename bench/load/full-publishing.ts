import type { Updates } from '../wires/wire.ts';
import type { PublisherConnection } from './publisher-connection.ts';

/** Approximate bytes of one system call. */
const WRITE_BYTES = 1 << 16;
/** System calls before yielding to the event loop, which reads the server's messages. */
const WRITES_PER_TURN = 4;

export interface FullOptions {
  readonly frameUpdates: number;
  /** Times to play the updates; until `stop` if absent. */
  readonly loops?: number;
  /** Stamps updates `from` to `to` before they go; `loop` counts completed passes. */
  readonly stamp: (times: Float64Array, from: number, to: number, loop: number) => void;
}

/** Plays updates on one connection as fast as credit and socket allow. */
export class FullPublishing {
  /** Resolves when all loops are with the socket, or on stop or disconnect. */
  readonly ended: Promise<void>;
  readonly #connection: PublisherConnection;
  readonly #updates: Updates;
  readonly #options: FullOptions;
  #end: () => void = () => undefined;
  #at = 0;
  #loop = 0;
  #left: number;
  #isStopped = false;
  /** A turn is already scheduled. */
  #isScheduled = false;

  constructor(connection: PublisherConnection, updates: Updates, options: FullOptions) {
    this.#connection = connection;
    this.#updates = updates;
    this.#options = options;
    this.#left = (options.loops ?? Number.POSITIVE_INFINITY) * updates.symbols.length;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  start(): void {
    this.#connection.onRoom = () => {
      if (!this.#isScheduled) this.#turn();
    };
    this.#turn();
  }

  stop(): void {
    this.#isStopped = true;
    this.#connection.onRoom = undefined;
    this.#end();
  }

  #turn(): void {
    this.#isScheduled = false;
    const connection = this.#connection;
    for (let writes = 0; writes < WRITES_PER_TURN; writes++) {
      if (this.#left === 0 || connection.ended !== undefined) this.stop();
      if (this.#isStopped) return;
      // The kernel buffers megabytes: wait until it asks for more.
      if (connection.bufferedBytes > connection.unflushedBytes) return;
      const hasCredit = this.#fill();
      connection.flush();
      if (!hasCredit) return;
    }
    this.#isScheduled = true;
    setImmediate(() => this.#turn());
  }

  /** Adds messages for one system call; false when credit ran out. */
  #fill(): boolean {
    const connection = this.#connection;
    const updates = this.#updates;
    const { frameUpdates, stamp } = this.#options;
    const { length } = updates.symbols;
    while (connection.unflushedBytes < WRITE_BYTES && this.#left > 0) {
      const from = this.#at;
      const to = Math.min(from + frameUpdates, length);
      if (connection.credit < to - from) return false;
      stamp(updates.times, from, to, this.#loop);
      connection.add(updates, from, to);
      this.#left -= to - from;
      this.#at = to === length ? 0 : to;
      if (to === length) this.#loop++;
    }
    return true;
  }
}
