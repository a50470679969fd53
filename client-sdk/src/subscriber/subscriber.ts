import { STREAM_PATH } from '../../../src/protocol/index.ts';
import { CONNECT_RULES, endpointUrls, type ServerUrl } from '../connection/connect-options.ts';
import type { ConnectionState, Welcome } from '../connection/connection.ts';
import { check, checkOptions, type Rules } from '../value-checks.ts';
import type { Alert } from './alert.ts';
import type { Anomaly, HistoryPage } from './anomaly.ts';
import { EventQueue, PendingUpdate, PullIterator } from './iterators.ts';
import { LiveStream } from './live-stream.ts';
import { NumberedFeed } from './numbered-feed.ts';
import type { AlertsOptions } from './past-alerts.ts';
import { type PastItems, pastItems } from './past-items.ts';
import type { PastTick, TicksOptions } from './past-ticks.ts';
import type { Latency } from './round-trips.ts';
import type { SubscriberEvents, Update } from './subscriber-events.ts';
import {
  SUBSCRIBER_RULES,
  type SubscriberCounters,
  type SubscriberOptions,
  type Verification,
} from './subscriber-options.ts';
import {
  checkSubscription,
  patternList,
  SEQUENCE_RANGE,
  Subscription,
  type SubscriptionOptions,
} from './subscription.ts';
import type { SymbolSnapshot, SymbolStatistics } from './symbol-statistics.ts';

const HISTORY_LIMIT = 100;
const RECENT_COUNT = 20;
const COUNT_RANGE = { min: 1, unit: 'anomalies', isInteger: true };
const TIME_TYPES = ['number', 'string', 'object'];
const NAME_TYPES = ['string', 'object'];
const PAGE_RULES = {
  from: TIME_TYPES,
  to: TIME_TYPES,
  limit: { min: 1, max: 1000, unit: 'items', isInteger: true },
};
const TICKS_RULES: Rules<TicksOptions> = {
  ...PAGE_RULES,
  everyMs: { min: 1, max: 86_400_000, unit: 'ms', isInteger: true },
};
const ALERTS_RULES: Rules<AlertsOptions> = {
  ...PAGE_RULES,
  rule: NAME_TYPES,
  level: NAME_TYPES,
  phase: NAME_TYPES,
};

/**
 * Connects to a server such as `ws://127.0.0.1:9001` as a subscriber and stays connected. It keeps
 * trying, also while there is no server yet. No need to wait: subscribe and listen at once.
 *
 * @throws TypeError if `url` is not the URL of a server (`ws:`, `wss:`, `http:` or `https:`);
 *   TypeError or RangeError for a bad option, or one that does not exist
 */
export function connect(url: ServerUrl, options: SubscriberOptions = {}): Subscriber {
  return new Subscriber(url, options);
}

/**
 * A reader of statistics and anomalies. Its subscriptions, its mirror and the order of its
 * anomalies survive lost connections.
 */
export class Subscriber {
  readonly #stream: LiveStream;

  /** Prefer {@link connect}. @throws TypeError or RangeError as it does */
  constructor(url: ServerUrl, options: SubscriberOptions = {}) {
    checkOptions(options, { ...CONNECT_RULES, ...SUBSCRIBER_RULES });
    this.#stream = new LiveStream(endpointUrls(url, STREAM_PATH), options);
    closeOn(options.signal, this);
  }

  /** State of the connection; see the event `state`. */
  get state(): ConnectionState {
    return this.#stream.state;
  }

  /** The failure that ended the subscriber; undefined while it lives and after {@link close}. */
  get failure(): Error | undefined {
    return this.#stream.failure;
  }

  /** WELCOME of the newest session; undefined before the first. */
  get session(): Welcome | undefined {
    return this.#stream.session;
  }

  /** Round trip, the server's clock, and the lag of data; undefined until measured. */
  get latency(): Latency | undefined {
    const { lag, roundTrips } = this.#stream;
    const { errorMs, newestMs, serverTime } = roundTrips;
    return newestMs === undefined
      ? newestMs
      : {
          roundTripMs: newestMs,
          clockOffsetMs: serverTime - Date.now(),
          clockErrorMs: errorMs,
          lagMs: lag.lagMs,
        };
  }

  /**
   * How old the newest data may be, ms: on its way, at the server, and by the error of the clock; 0
   * until measured.
   */
  get lagMs(): number {
    return this.#stream.lag.lagMs;
  }

  /** Whether data may be older than the option `lagMs` allows; see the event `lag`. */
  get isLagging(): boolean {
    return this.#stream.lag.isLagging;
  }

  /** What was received so far. */
  get counters(): SubscriberCounters {
    const { counters, connection } = this.#stream;
    const { frames, bytes, ...rest } = counters;
    return {
      frames: frames + (connection?.framesReceived ?? 0),
      bytes: bytes + (connection?.bytesReceived ?? 0),
      ...rest,
    };
  }

  /**
   * Resolves while a session is open, or when the next one opens.
   *
   * @throws Error (rejects) if the subscriber ends before
   */
  get ready(): Promise<void> {
    return this.#stream.wait(() => this.state === 'live');
  }

  /**
   * Subscribes to one or more patterns: each a symbol, or a string with `*` for any run of
   * characters. Calls made together go out as one request, and are repeated on each new connection.
   *
   * @throws TypeError or RangeError for patterns that are not strings, or a bad option; Error after
   *   the subscriber ended
   */
  subscribe(patterns: string | readonly string[], options: SubscriptionOptions = {}): Subscription {
    const list = patternList(patterns);
    checkSubscription(options);
    if (this.state === 'closed') throw this.#stream.closedError();
    const { anomalies, subscriptions } = this.#stream;
    anomalies.seed(options.since);
    if (options.alerts) void this.#followAlerts(options.alertsSince);
    const subscription: Subscription = new Subscription(list, options, {
      answered: async () => {
        await this.#stream.wait(() => subscriptions.isAnswered(subscription));
        return subscriptions.refusals(subscription);
      },
      remove: () => {
        subscriptions.remove(subscription);
        this.#stream.wake();
      },
    });
    subscriptions.add(subscription);
    return subscription;
  }

  /**
   * The statistics of a symbol; undefined before its first entry. A live view: each frame changes
   * it in place, and `isLive` says whether it is current.
   */
  get(symbol: string): SymbolStatistics | undefined {
    return this.#stream.mirror.get(symbol);
  }

  /**
   * The statistics of a symbol now, frozen: the same object until a field changes, for frameworks
   * that compare by identity. Undefined before the first entry.
   */
  snapshot(symbol: string): SymbolSnapshot | undefined {
    return this.#stream.mirror.snapshot(symbol);
  }

  /** Symbols with data, live or not, in no particular order. */
  symbols(): IterableIterator<SymbolStatistics> {
    return this.#stream.mirror.symbols();
  }

  /**
   * Adds a listener for an event.
   *
   * @returns removes the listener
   * @throws TypeError for an unknown event
   */
  on<Name extends keyof SubscriberEvents>(
    name: Name,
    listener: (event: SubscriberEvents[Name]) => void,
  ): () => void {
    return this.#stream.emitter.on(name, listener);
  }

  /**
   * The updates, for `for await`. A reader that lags gets several updates as one, and never an
   * outdated value. Ends when the subscriber is closed.
   *
   * @throws Error (rejects) if the subscriber ends because of a failure
   */
  updates(): AsyncIterableIterator<Update, undefined> {
    const pending = new PendingUpdate();
    return this.#iterate(pending, (iterator) => [
      this.on('update', (update) => {
        pending.add(update);
        iterator.wake();
      }),
      this.on('reset', () => pending.clear()),
      this.on('retired', ({ symbols }) => pending.forget(symbols)),
    ]);
  }

  /**
   * The anomalies, for `for await`: those of a symbol in order, without duplicates. Ends when the
   * subscriber is closed.
   *
   * @throws Error (rejects) if the reader lags 65 536 of them behind, or the subscriber ends
   *   because of a failure
   */
  anomalies(): AsyncIterableIterator<Anomaly, undefined> {
    return this.#each('anomaly');
  }

  /** The alerts of subscriptions with `alerts`, as {@link anomalies}. */
  liveAlerts(): AsyncIterableIterator<Alert, undefined> {
    return this.#each('alert');
  }

  /**
   * Compares the mirror with the server's state of this session, at the same point of the stream.
   * If they differ, the client reconnects and receives everything again.
   *
   * @throws ServerError (rejects) if a subscription leaves out fields; Error if the connection is
   *   lost before the answer
   */
  async verify(): Promise<Verification> {
    const { verify } = await import('./on-demand.ts');
    return verify(this.#stream);
  }

  /**
   * Anomalies of a symbol after a sequence, oldest first, at most `limit` (from 1; the server may
   * send fewer).
   *
   * @throws TypeError or RangeError for a bad argument
   * @throws ServerError (rejects) `not_available` if the server no longer has them; Error if the
   *   connection is lost before the answer
   */
  history(symbol: string, afterSequence = 0, limit = HISTORY_LIMIT): Promise<HistoryPage> {
    check('symbol', symbol, ['string']);
    check('afterSequence', afterSequence, SEQUENCE_RANGE);
    check('limit', limit, COUNT_RANGE);
    const page = this.#stream.history(symbol, afterSequence, limit);
    return page.then(({ items, more }) => ({ anomalies: items, more }));
  }

  /**
   * Past ticks of a symbol, oldest first, as far as the server's journal has them: from a time on,
   * or the newest page. Read over HTTP; this works without a session.
   *
   * A loop over them throws TypeError for what is no time, Error if the server cannot be reached
   * or refuses.
   *
   * @throws TypeError or RangeError for a bad argument
   */
  ticks(symbol: string, options: TicksOptions = {}): PastItems<PastTick> {
    check('symbol', symbol, ['string']);
    checkOptions(options, TICKS_RULES);
    return pastItems(async () => {
      const { readTicks } = await import('./on-demand.ts');
      return readTicks(this.#stream.reconnector, symbol, options);
    });
  }

  /**
   * Past alerts of symbols and patterns, oldest first: of a range of time, as far as the server's
   * store has them, or the newest page. Read over HTTP; this works without a session. Live ones
   * come by {@link liveAlerts}.
   *
   * A loop over them throws as one over {@link ticks}.
   *
   * @throws TypeError or RangeError for a bad argument
   */
  alerts(
    patterns: string | readonly string[] = '*',
    options: AlertsOptions = {},
  ): PastItems<Alert> {
    const list = patternList(patterns);
    checkOptions(options, ALERTS_RULES);
    return pastItems(async () => {
      const { readAlerts } = await import('./on-demand.ts');
      return readAlerts(this.#stream.reconnector, list, options);
    });
  }

  /**
   * The newest `count` anomalies delivered by this subscriber, of all its symbols, newest first;
   * the same frozen array until there is another. At most 1000 are kept. Earlier ones come by
   * `since` or {@link history}.
   *
   * @throws TypeError or RangeError unless `count` is an integer from 1 on
   */
  recentAnomalies(count = RECENT_COUNT): readonly Anomaly[] {
    check('count', count, COUNT_RANGE);
    return this.#stream.recent.newest(count);
  }

  /**
   * Measures the round trip to the server, ms.
   *
   * @throws Error (rejects) if the connection is lost before the answer
   */
  ping(): Promise<number> {
    return this.#stream.ping();
  }

  /**
   * Changes the least time between two updates, ms; 0: as soon as possible.
   *
   * @throws TypeError or RangeError unless it is a number from 0 on
   */
  setConflateMs(conflateMs: number): void {
    check('conflateMs', conflateMs, SUBSCRIBER_RULES.conflateMs);
    this.#stream.subscriptions.setConflateMs(conflateMs);
  }

  /** Stops reading from the socket, if the platform can; the server then holds changes back. */
  pause(): void {
    this.#stream.connection?.pause();
  }

  /** Resumes reading after {@link pause}. */
  resume(): void {
    this.#stream.connection?.resume();
  }

  /**
   * Replaces the token: in an open session without a reconnect, and for later ones where the option
   * `token` is not a function. The server answers a refusal with the event `error`.
   *
   * @throws TypeError unless it is a string
   */
  authenticate(token: string): void {
    this.#stream.reconnector.authenticate(token);
  }

  /**
   * Tries to connect at once instead of waiting, for a "retry now"; in an open session, replaces
   * the connection.
   *
   * @throws Error after the subscriber ended
   */
  reconnect(): void {
    this.#stream.reconnect();
  }

  /** Closes for good. Rejects open requests; ends loops over iterators. */
  close(): void {
    this.#stream.close();
  }

  /** Loads what takes alerts. Until then no request goes out, so that none can come. */
  async #followAlerts(since: SubscriptionOptions['alertsSince']): Promise<void> {
    const stream = this.#stream;
    stream.subscriptions.hold(1);
    try {
      const { AlertStream } = await import('./on-demand.ts');
      stream.alerts ??= new AlertStream(stream, NumberedFeed);
      stream.alerts.feed.seed(since);
    } catch (error) {
      stream.emitter.emit('error', error as Error);
    }
    stream.subscriptions.hold(-1);
  }

  /** None of an event may be left out. */
  #each<Name extends 'anomaly' | 'alert'>(name: Name) {
    const queue = new EventQueue<SubscriberEvents[Name]>();
    return this.#iterate(queue, (iterator) => [
      this.on(name, (event) => {
        if (queue.add(event)) iterator.wake();
        else iterator.end(new Error(`too slow a reader of ${name} events`));
      }),
    ]);
  }

  #iterate<T>(
    source: { take(): T | undefined },
    listen: (iterator: PullIterator<T>) => (() => void)[],
  ): AsyncIterableIterator<T, undefined> {
    const stops: (() => void)[] = [];
    const iterator = new PullIterator(source, () => {
      for (const stop of stops) stop();
    });
    const end = () => iterator.end(this.failure);
    stops.push(
      ...listen(iterator),
      this.on('state', ({ state }) => state === 'closed' && end()),
    );
    if (this.state === 'closed') end();
    return iterator;
  }
}

function closeOn(signal: AbortSignal | undefined, subscriber: Subscriber): void {
  if (signal === undefined) return;
  const close = () => subscriber.close();
  if (signal.aborted) close();
  else signal.addEventListener('abort', close);
  subscriber.on('state', ({ state }) => {
    if (state === 'closed') signal.removeEventListener('abort', close);
  });
}
