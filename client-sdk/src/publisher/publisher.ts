import type { ServerUrl } from '../connection/connect-options.ts';
import { type ConnectionState, TIMER_MS_MAX, type Welcome } from '../connection/connection.ts';
import { Emitter } from '../events.ts';
import { check } from '../value-checks.ts';
import { AliasTable } from './alias-table.ts';
import { Intake } from './intake.ts';
import { PublishSession } from './publish-session.ts';
import type { PublisherEvents } from './publisher-events.ts';
import { type PublisherOptions, type PublisherSettings, settle } from './publisher-options.ts';
import { Settling } from './settling.ts';
import { checkPrice, checkSymbol, checkTime, type Tick, type TickColumns } from './tick.ts';
import { TickStream } from './tick-stream.ts';
import type { PublisherTotals } from './tick-tally.ts';

/** Several snapshots of a server that acknowledges what is saved. */
const CLOSE_TIMEOUT_MS = 60_000;
const CLOSE_TIMEOUT_RANGE = { min: 0, max: TIMER_MS_MAX, unit: 'ms' };

/**
 * Opens a publisher at a server such as `ws://127.0.0.1:9001`. Ticks can be published at once: they
 * are sent when a session opens. While the server is down, it keeps trying.
 *
 * @throws TypeError for a bad URL or name, TypeError or RangeError for a bad option
 */
export function connectPublisher(url: ServerUrl, options: PublisherOptions = {}): Publisher {
  return new Publisher(settle(url, options));
}

/**
 * Publishes ticks in order, each applied once, over any number of connections: ticks are kept until
 * the server acknowledges them, and sent again after a connection is lost.
 *
 * The buffer is bounded. Ticks that exceed it are refused with an error, never lost silently.
 */
export class Publisher {
  readonly #settings: PublisherSettings;
  readonly #emitter = new Emitter<PublisherEvents>(['reject', 'ack', 'state', 'error']);
  readonly #aliases = new AliasTable();
  readonly #stream = new TickStream();
  readonly #session: PublishSession;
  readonly #intake: Intake;
  readonly #settling: Settling;
  readonly #abort = () => this.#session.fail(asError(this.#settings.signal?.reason));

  /** @internal use {@link connectPublisher} */
  constructor(settings: PublisherSettings) {
    this.#settings = settings;
    const [stream, aliases] = [this.#stream, this.#aliases];
    const session = new PublishSession(
      settings,
      stream,
      aliases,
      this.#emitter,
      () => this.#progress(),
      () => this.#settling.isAwaited,
    );
    this.#session = session;
    this.#intake = new Intake(settings.intake, stream, aliases, session.sender);
    this.#settling = new Settling(session, stream, this.#intake);
    const { signal } = settings;
    signal?.addEventListener('abort', this.#abort);
    if (signal?.aborted) this.#abort();
    else this.#session.start();
  }

  /**
   * `connecting`: no session has been open yet. `live`: one is open. `reconnecting`: it was lost,
   * and the client is trying another one. `closed`: for good.
   */
  get state(): ConnectionState {
    return this.#session.state;
  }

  /** The failure that ended it; undefined after {@link close}. */
  get failure(): Error | undefined {
    return this.#session.failure;
  }

  /** WELCOME of the newest session. */
  get session(): Welcome | undefined {
    return this.#session.welcome;
  }

  /** What happened to all ticks so far. */
  get totals(): PublisherTotals {
    return this.#session.totals;
  }

  /** Adds a listener for an event; returns a function that removes it. */
  on<Name extends keyof PublisherEvents>(
    name: Name,
    listener: (event: PublisherEvents[Name]) => void,
  ): () => void {
    return this.#emitter.on(name, listener);
  }

  /**
   * Resolves when {@link publish} has room for a tick: at once while there is room, also before the
   * first connection. Rejects when the publisher ended.
   */
  get ready(): Promise<void> {
    return this.#settling.ready;
  }

  /**
   * Takes a tick, to be sent with others within `batchDelayMs`.
   *
   * @param time ms since the Unix epoch; absent: the time of arrival at the server
   * @returns whether there is room for another; if not, await {@link ready}
   * @throws TypeError or RangeError for a tick that the server would refuse, {@link
   *   BufferFullError} if there was no room, Error after the publisher ended
   */
  publish(symbol: string, price: number, time?: number): boolean {
    const known = this.#aliases.find(symbol);
    if (known === undefined) checkSymbol(symbol, 'symbol');
    checkPrice(price, 'price');
    checkTime(time, 'time');
    this.#checkOpen();
    const intake = this.#intake;
    if (!intake.hasRoom) throw new BufferFullError(this.#settings.intake.bufferTicksMax);
    intake.take(known ?? this.#aliases.aliasOf(symbol), price, time ?? Number.NaN);
    return intake.hasRoom;
  }

  /**
   * Takes ticks, waiting for room as needed; resolves once all are taken ({@link flush} waits for
   * acknowledgement). Until then {@link publish} has no room, so that ticks keep the order of
   * calls.
   *
   * @throws TypeError or RangeError for a tick that the server would refuse: none is taken then;
   *   Error if the publisher ends before all are taken
   */
  async publishBatch(ticks: readonly Tick[]): Promise<void> {
    this.#checkOpen();
    await this.#intake.takeBatch(ticks);
  }

  /**
   * Sends what is buffered without waiting for more. Resolves when the server has acknowledged
   * everything published before this call.
   *
   * @throws Error if the publisher ends before
   */
  flush(): Promise<void> {
    return this.#settling.flush();
  }

  /**
   * Replaces the token: in an open session without a reconnect, and for later ones where the option
   * `token` is not a function. The server answers a refusal with the event `error`.
   *
   * @throws TypeError unless it is a string
   */
  authenticate(token: string): void {
    this.#session.authenticate(token);
  }

  /**
   * Stops taking ticks, waits until all are acknowledged, and closes.
   *
   * @param timeoutMs longest wait, ms; default 60 000
   * @throws Error that says how many ticks stay unacknowledged, or why the publisher failed
   */
  async close(timeoutMs = CLOSE_TIMEOUT_MS): Promise<void> {
    check('timeoutMs', timeoutMs, CLOSE_TIMEOUT_RANGE);
    await this.#settling.close(timeoutMs);
  }

  /**
   * For feeds of hundreds of thousands of ticks a second, with {@link tryPublish}: the number of a
   * symbol in {@link TickColumns}, valid for the publisher's life.
   *
   * @throws TypeError or RangeError for an invalid symbol
   */
  alias(symbol: string): number {
    const known = this.#aliases.find(symbol);
    if (known !== undefined) return known;
    checkSymbol(symbol, 'symbol');
    return this.#aliases.aliasOf(symbol);
  }

  /** Ticks that {@link tryPublish} would take now, apart from the size limit of a frame. */
  get credit(): number {
    if (this.#settling.ending !== undefined) return 0;
    return this.#intake.sendable;
  }

  /**
   * Sends rows `from` to `to` (exclusive) at once as one frame: as many as credit and limits allow,
   * or none while earlier ticks wait. Prices and times are not checked here; the server rejects bad
   * ones.
   *
   * @returns rows taken, from the first; 0 while disconnected or without credit, which may come
   *   with the next `ack` event
   * @throws Error after the publisher ended
   */
  tryPublish(columns: TickColumns, from: number, to: number): number {
    this.#checkOpen();
    return this.#intake.send(columns, from, to);
  }

  #progress(): void {
    if (this.state === 'closed') {
      this.#settings.signal?.removeEventListener('abort', this.#abort);
    }
    this.#settling.progress();
  }

  #checkOpen(): void {
    const { ending } = this.#settling;
    if (ending !== undefined) throw ending;
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(`aborted: ${String(reason)}`);
}

/** A tick was not taken because the buffer is full: wait for `publisher.ready`. */
export class BufferFullError extends Error {
  /** Identifies the error across realms and bundles. */
  override readonly name = 'BufferFullError';

  /** @param bufferTicksMax capacity of the buffer */
  constructor(bufferTicksMax: number) {
    super(
      `${bufferTicksMax} ticks are unacknowledged, the buffer is full: await publisher.ready first`,
    );
  }
}
