import type { Welcome } from './connection.ts';
import { PublishSession } from './publish-session.ts';
import type { PublisherOptions, PublisherTotals, Tick } from './publisher-options.ts';
import { encodeTicksJson, type TickColumns, TickEncoder } from './tick-encoder.ts';
import { Waiters } from './waiters.ts';

const CLOSE_TIMEOUT_MS = 10_000;

/**
 * A publisher that survives its connections: frames are numbered and kept until the server
 * acknowledges them, and what a lost connection leaves open is sent again on the next, so that each
 * tick is applied once.
 *
 * Never queues beyond the server's credit: what exceeds it is not taken, and the caller decides
 * what to do.
 */
export class Publisher {
  readonly #session: PublishSession;
  readonly #encoding: 'binary' | 'json';
  readonly #encoder = new TickEncoder();
  readonly #waiters = new Waiters();
  #isClosing = false;
  #failure: Error | undefined;
  #publishing: Promise<void> = Promise.resolve();

  /**
   * Opens a publish session at a server such as `ws://127.0.0.1:9001`.
   *
   * @throws Error when the first connection fails; later ones are tried again
   */
  static connect(url: string, options: PublisherOptions): Promise<Publisher> {
    return new Promise((resolve, reject) => {
      const publisher: Publisher = new Publisher(url, options, () => resolve(publisher), reject);
    });
  }

  private constructor(
    url: string,
    options: PublisherOptions,
    opened: () => void,
    failed: (failure: Error) => void,
  ) {
    this.#encoding = options.encoding ?? 'binary';
    this.#session = new PublishSession(url, options, {
      opened: () => {
        opened();
        this.#wake();
      },
      progress: () => this.#wake(),
      failed: (failure) => {
        this.#failure = failure;
        this.#waiters.fail(failure);
        failed(failure);
      },
    });
  }

  /** What the server said when the newest connection opened. */
  get welcome(): Welcome {
    return this.#session.welcome as Welcome;
  }

  /** Ticks that {@link tryPublish} would take now, frame limits aside. */
  get credit(): number {
    return this.#isClosing ? 0 : this.#session.credit;
  }

  get totals(): PublisherTotals {
    return this.#session.totals;
  }

  /**
   * The number that stands for a symbol in {@link TickColumns}; declared to the server as needed.
   */
  alias(symbol: string): number {
    return this.#session.aliases.aliasOf(symbol);
  }

  /**
   * Sends rows `from` to `to` (exclusive) as one frame, as many of them as credit and the server's
   * limits allow.
   *
   * @returns how many rows were taken, from the first; 0 while disconnected or without credit: see
   *   {@link ready}
   * @throws Error after the publisher failed for good
   */
  tryPublish(columns: TickColumns, from: number, to: number): number {
    if (this.#failure !== undefined) throw this.#failure;
    const ticks = Math.min(to - from, this.credit, this.#session.frameTicksMax);
    if (ticks <= 0) return 0;
    const sequence = this.#session.nextSequence;
    const message =
      this.#encoding === 'json'
        ? encodeTicksJson(sequence, columns, from, from + ticks)
        : this.#encoder.encode(sequence, columns, from, from + ticks);
    this.#session.take(ticks, message);
    return ticks;
  }

  /**
   * Sends ticks in order, waiting for credit as needed; resolves once all were sent, which
   * {@link flush} confirms.
   */
  publish(ticks: readonly Tick[]): Promise<void> {
    const aliases = Uint32Array.from(ticks, ({ symbol }) => this.alias(symbol));
    const prices = Float64Array.from(ticks, ({ price }) => price);
    const times = Float64Array.from(ticks, ({ time }) => time ?? Number.NaN);
    const send = async () => {
      let from = 0;
      while (from < ticks.length) {
        const taken = this.tryPublish({ aliases, prices, times }, from, ticks.length);
        if (taken === 0) await this.ready();
        from += taken;
      }
    };
    // One call after the other, also where an earlier one failed.
    this.#publishing = this.#publishing.then(send, send);
    return this.#publishing;
  }

  /**
   * Resolves when {@link tryPublish} would take at least one tick.
   *
   * @throws Error when the publisher fails for good, or is closed
   */
  ready(): Promise<void> {
    if (this.#isClosing) return Promise.reject(new Error('the publisher is closed'));
    return this.#wait(() => this.credit > 0);
  }

  /**
   * Resolves when every frame taken so far is acknowledged.
   *
   * @throws Error when the publisher fails for good
   */
  flush(): Promise<void> {
    const taken = this.#session.framesTaken;
    return this.#wait(() => this.#session.framesAcknowledged >= taken);
  }

  /**
   * Takes no more, waits for the last acknowledgement, and closes.
   *
   * @throws Error when ticks stay unacknowledged for `timeoutMs`, or the publisher failed
   */
  async close(timeoutMs = CLOSE_TIMEOUT_MS): Promise<void> {
    this.#isClosing = true;
    const timer = setTimeout(() => {
      const { unacknowledged } = this.totals;
      this.#session.fail(new Error(`no ACK for ${unacknowledged} ticks in ${timeoutMs} ms`));
    }, timeoutMs);
    try {
      await this.flush();
    } finally {
      clearTimeout(timer);
      this.#session.close();
    }
  }

  #wait(isDone: () => boolean): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const done = this.#waiters.wait(isDone);
    this.#wake();
    return done;
  }

  #wake(): void {
    this.#waiters.wake();
    // A socket does not tell when its buffer drains: look again soon, where that is what somebody
    // waits for.
    if (!this.#waiters.isEmpty && this.#session.isBufferFull) setTimeout(() => this.#wake(), 1);
  }
}
