import { type Frame, FULL, Op } from '../../../src/protocol/index.ts';
import {
  type Closure,
  type Connection,
  type ConnectionState,
  ServerError,
  type StateChange,
  type Welcome,
} from '../connection/connection.ts';
import type { ClientFrame } from '../connection/frame-codec.ts';
import { closureError, Reconnector } from '../connection/reconnector.ts';
import { Emitter, Waiters } from '../events.ts';
import type { AlertStream } from './alert-stream.ts';
import { type Anomaly, namedAnomaly } from './anomaly.ts';
import { LagMonitor } from './lag.ts';
import { Mirror } from './mirror.ts';
import { type Numbered, NumberedFeed, type NumberedPage } from './numbered-feed.ts';
import { RecentItems } from './recent-items.ts';
import { RequestPacer, Requests } from './requests.ts';
import { RoundTrips } from './round-trips.ts';
import { SUBSCRIBER_EVENTS, type SubscriberEvents } from './subscriber-events.ts';
import type { SubscriberOptions } from './subscriber-options.ts';
import { SubscriptionSync } from './subscription-sync.ts';

const PING_INTERVAL_MS = 10_000;
/** How late data may be by default, ms. */
const LAG_MS = 1000;
/** Checks for silence in that time. */
const CHECKS = 4;
/** Anomalies kept for {@link LiveStream.recent}. */
const RECENT_MAX = 1000;

/** Names the values of an anomaly or alert, as a page of them has it. */
type Name<Item> = (symbol: string, values: never) => Item;

/**
 * The core of a subscriber: turns frames into the mirror, the feeds of anomalies and alerts,
 * answers and events, over one connection after another.
 */
export class LiveStream {
  readonly emitter = new Emitter<SubscriberEvents>(SUBSCRIBER_EVENTS);
  readonly mirror = new Mirror();
  readonly roundTrips = new RoundTrips();
  readonly lag: LagMonitor;
  readonly subscriptions: SubscriptionSync;
  readonly anomalies: NumberedFeed<Anomaly>;
  /** Undefined until alerts are asked for: it is loaded on demand. */
  alerts: AlertStream | undefined;
  /** The newest anomalies delivered. */
  readonly recent = new RecentItems<Anomaly>(RECENT_MAX, ({ timestamp }) => timestamp);
  /** Frames and bytes of past connections, and counts over all connections. */
  readonly counters = {
    frames: 0,
    bytes: 0,
    statsFrames: 0,
    entries: 0,
    fullEntries: 0,
    updates: 0,
    anomalies: 0,
    alerts: 0,
    reconnects: 0,
  };
  state: ConnectionState = 'connecting';
  failure: Error | undefined;
  session: Welcome | undefined;
  readonly reconnector: Reconnector;
  readonly #requests = new Requests();
  readonly #pacer = new RequestPacer();
  readonly #waiters = new Waiters();
  #connection: Connection | undefined;
  readonly #checkMs: number;
  #checkTimer: ReturnType<typeof setInterval> | undefined;
  /** Time since the last PING of the interval, ms. */
  #sincePingMs = 0;

  constructor(urls: string[], options: SubscriberOptions) {
    this.anomalies = new NumberedFeed<Anomaly>({
      history: (symbol, after, limit) => this.history(symbol, after, limit),
      hasSession: () => this.state === 'live',
      timeOf: ({ timestamp }) => timestamp,
      deliver: (anomaly) => {
        this.counters.anomalies++;
        this.recent.add(anomaly);
        this.emitter.emit('anomaly', anomaly);
      },
      missed: (gap) => this.emitter.emit('gap', gap),
    });
    this.subscriptions = new SubscriptionSync(options.conflateMs, this.#requests, {
      send: (frame) => this.#connection?.send(frame),
      answered: (covers) => {
        this.mirror.retain(covers);
        this.#waiters.wake();
      },
      error: (error) => this.emitter.emit('error', error),
    });
    const { lagMs = LAG_MS } = options;
    this.#checkMs = Math.max(10, Math.min(lagMs, LAG_MS) / CHECKS);
    this.lag = new LagMonitor(lagMs, this.roundTrips, (lag) => {
      this.mirror.setLagging(lag.isLagging);
      this.emitter.emit('lag', lag);
    });
    this.reconnector = new Reconnector(urls, options, {
      opened: (info, connection) => this.#opened(info, connection),
      frame: (frame) => this.#receive(frame),
      lost: (closure, retryInMs) => this.#lost(closure, retryInMs),
      ended: (failure, closure) => this.#ended(failure, closure),
      isHeard: () => this.emitter.isHeard('state') || !this.#waiters.isEmpty,
    });
  }

  /** The connection of the open session. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Resolves when the condition holds; rejects if the stream ends before. */
  wait(isDone: () => boolean): Promise<void> {
    if (isDone()) return Promise.resolve();
    if (this.state === 'closed') return Promise.reject(this.closedError());
    return this.#waiters.wait(isDone);
  }

  /**
   * Sends a request in the open session or the next one, and again after a rate limit refusal.
   * `read` converts the answer.
   */
  async request<T>(
    frame: (requestId: number) => ClientFrame,
    read: (answer: Frame) => T,
  ): Promise<T> {
    await this.#untilLive();
    return this.#pacer.run(() =>
      this.#requests.open((requestId) => this.#connection?.send(frame(requestId)), read),
    );
  }

  history(symbol: string, afterSequence: number, limit: number): Promise<NumberedPage<Anomaly>> {
    return this.page(Op.HISTORY, symbol, afterSequence, limit, namedAnomaly);
  }

  /** Measures the round trip in the open session or the next one, ms. */
  async ping(): Promise<number> {
    await this.#untilLive();
    return this.#measureRoundTrip();
  }

  /** A condition may have changed because a subscription was removed. */
  wake(): void {
    this.#waiters.wake();
  }

  /** The server broke the protocol: reconnects. */
  breakOff(reason: string): void {
    this.reconnector.breakOff(reason);
  }

  reconnect(): void {
    if (this.state === 'closed') throw this.closedError();
    this.reconnector.reconnect();
  }

  close(): void {
    this.reconnector.close();
  }

  /** The error of calls after the stream ended. */
  closedError(): Error {
    return this.failure ?? new Error('the subscriber is closed');
  }

  /** Asks for a page of what is numbered by symbol. */
  page<Item>(
    op: number,
    symbol: string,
    afterSequence: number,
    limit: number,
    name: Name<Item>,
  ): Promise<NumberedPage<Item>> {
    return this.request(
      (requestId) => [op, requestId, symbol, afterSequence, limit],
      (answer) => ({
        items: (answer[3] as never[]).map((values) => name(symbol, values)),
        more: answer[4] as boolean,
      }),
    );
  }

  // The session may be lost again before this continues: then keep waiting.
  async #untilLive(): Promise<void> {
    do await this.wait(() => this.state === 'live');
    while (this.state !== 'live');
  }

  #opened(info: Welcome, connection: Connection): void {
    const isNewEpoch = this.session !== undefined && this.session.epoch !== info.epoch;
    this.#connection = connection;
    this.session = info;
    // Follow symbols without anomalies so far, before a reset forgets them: theirs may have been
    // missed too.
    for (const [symbol, firstTime] of this.mirror.firstTimes) {
      if (Number.isNaN(firstTime)) continue;
      this.anomalies.follow(symbol, firstTime);
      this.alerts?.feed.follow(symbol, firstTime);
    }
    if (isNewEpoch) {
      this.mirror.reset();
      this.emitter.emit('reset', { epoch: info.epoch });
      // A listener may have closed the subscriber.
      if (this.#connection !== connection) return;
    }
    // First: the way is still empty.
    this.#measureLatency();
    const since = this.anomalies.resume(info.epoch);
    const alertsSince = this.alerts?.resume(info.epoch);
    this.subscriptions.restart({ since, alertsSince }, info.limits.frameBytesMax);
    this.#checkTimer = setInterval(() => this.#check(), this.#checkMs);
    this.#enter({ state: 'live' });
  }

  #lost(closure: Closure, retryInMs: number): void {
    if (this.#connection !== undefined) this.counters.reconnects++;
    this.#leaveSession(closureError(closure));
    const state = this.session === undefined ? 'connecting' : 'reconnecting';
    this.#enter({ state, closure, retryInMs });
  }

  #ended(failure: Error | undefined, closure?: Closure): void {
    this.failure = failure;
    this.#leaveSession(this.closedError());
    this.#enter({ state: 'closed', ...(closure && { closure }) });
    this.#waiters.fail(this.closedError());
  }

  #leaveSession(error: Error): void {
    clearInterval(this.#checkTimer);
    this.counters.frames += this.#connection?.framesReceived ?? 0;
    this.counters.bytes += this.#connection?.bytesReceived ?? 0;
    this.#connection = undefined;
    this.subscriptions.suspend();
    this.mirror.disconnect();
    this.mirror.setLagging(false);
    this.lag.reset();
    this.roundTrips.forget(error);
    this.#requests.fail(error);
    this.#pacer.fail(error);
  }

  #enter(change: Omit<StateChange, 'previous'>): void {
    const previous = this.state;
    this.state = change.state;
    this.emitter.emit('state', { ...change, previous });
    this.#waiters.wake();
  }

  #measureRoundTrip(): Promise<number> {
    return this.roundTrips.measure((clientTime) => this.#connection?.send([Op.PING, clientTime]));
  }

  // A missing latency is visible to readers; the failure itself needs no report.
  #measureLatency(): void {
    this.#measureRoundTrip().catch(() => undefined);
  }

  #check(): void {
    const isSilent = this.lag.check(this.#connection?.framesReceived ?? 0);
    this.#sincePingMs = (this.#sincePingMs + this.#checkMs) % PING_INTERVAL_MS;
    if (isSilent || this.#sincePingMs < this.#checkMs) this.#measureLatency();
  }

  #receive(frame: Frame): void {
    switch (frame[0]) {
      case Op.STATS:
        this.lag.take(frame[1] as number, (frame[3] as number | undefined) ?? 0);
        this.#takeStats(frame[1] as number, frame[2] as number[]);
        break;
      case Op.ANOMALY:
        this.takeNumbered(frame, this.anomalies, namedAnomaly);
        break;
      case Op.SYMBOLS:
        this.#retire(this.mirror.learnNames(frame[1] as unknown[]));
        break;
      case Op.RETIRED:
        this.#retire(frame[1] as number[]);
        break;
      case Op.PONG:
        this.roundTrips.note(frame[1] as number, frame[2] as number);
        this.lag.take(frame[2] as number);
        break;
      case Op.ERROR: {
        const error = new ServerError(frame);
        if (!this.#requests.refuse(error)) this.emitter.emit('error', error);
        break;
      }
      default:
        this.alerts?.take(frame);
        // An answer, or an op of a later version, which is ignored.
        this.#requests.answer(frame);
    }
  }

  #retire(symbolIds: readonly number[]): void {
    const symbols = this.mirror.retire(symbolIds);
    if (symbols.length === 0) return;
    for (const symbol of symbols) {
      this.anomalies.retired(symbol);
      this.alerts?.feed.retired(symbol);
    }
    this.emitter.emit('retired', { symbols });
  }

  // What throws here is the server's fault, and ends the connection.
  #takeStats(serverTime: number, entries: number[]): void {
    const { counters } = this;
    const changes = this.mirror.apply(entries);
    counters.statsFrames++;
    counters.entries += changes.length;
    for (const { changed, updateCount, previousUpdateCount } of changes) {
      if ((changed & FULL) !== 0) counters.fullEntries++;
      const updates = updateCount - previousUpdateCount;
      if (updates > 0) counters.updates += updates;
    }
    this.emitter.emit('update', { changes, serverTime });
  }

  /** Passes the items of a frame to their feed. @throws RangeError for a symbol without a name */
  takeNumbered<Item extends Numbered>(
    frame: Frame,
    feed: NumberedFeed<Item>,
    name: Name<Item>,
  ): void {
    this.lag.take(frame[1] as number);
    for (const [symbolId, ...values] of frame[2] as [number, ...unknown[]][]) {
      const symbol = this.mirror.nameOf(symbolId);
      if (symbol === undefined) throw new RangeError(`symbol id ${symbolId} has no name`);
      feed.receive(name(symbol, values as never));
    }
  }
}
