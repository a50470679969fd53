import {
  ALL_FIELDS,
  decodeFrame,
  ErrorCode,
  errorFrame,
  isWildcard,
  Op,
  ProtocolError,
  pongFrame,
  readStreamRequest,
  type StreamRequest,
  type SubscribeOptions,
  subscribedFrame,
  unsubscribedFrame,
  validatePattern,
} from '../../protocol/index.ts';
import type { GatewayContext } from '../context.ts';
import { type SenderContext, SessionSender } from '../fanout/session-sender.ts';
import { TokenBucket } from '../limits/token-bucket.ts';
import { IncrementalSubscribe } from '../subscriptions/incremental-subscribe.ts';
import { interestIn } from '../subscriptions/interest.ts';
import { PatternSubscriptions } from '../subscriptions/pattern-subscriptions.ts';
import { reconcile, type SubscribedSession } from '../subscriptions/reconcile.ts';
import { NONE } from '../subscriptions/subscription-columns.ts';
import type { SymbolObserver, Wildcard } from '../subscriptions/wildcards.ts';
import { MESSAGE_TOO_LARGE, type SocketHandler } from '../transport/transport.ts';
import type { Client } from './client.ts';
import type { Connection } from './connection.ts';
import { HistoryRequests } from './history-requests.ts';
import type { SubscriberSession } from './session.ts';

export type StreamContext = SenderContext &
  Pick<GatewayContext, 'background' | 'fanOut' | 'fault' | 'renewals' | 'security' | 'sessions'>;

/** Largest `conflateMs`: beyond it, a client could not tell a quiet market from a dead server. */
const CONFLATE_MS_MAX = 60_000;
/** `VERIFY` requests that may wait for a slow session. */
const VERIFICATIONS_MAX = 16;
/** Delay after which a refused `VERIFY` or `HISTORY` may be retried, ms. */
const WAITING_RETRY_MS = 100;
/**
 * A request counts once more for each of these numbers of symbols compared or named: about 50 µs.
 */
const COMPARISONS_PER_REQUEST = 512;
const SYMBOLS_PER_REQUEST = 128;

/** A subscriber's session: patterns in; statistics, anomalies and alerts out. */
export class StreamSession
  implements SocketHandler, SubscriberSession, SubscribedSession, SymbolObserver
{
  readonly connection: Connection;
  readonly sender: SessionSender;
  readonly patterns: PatternSubscriptions;
  readonly #context: StreamContext;
  readonly #client: Client;
  readonly #rate: TokenBucket;
  readonly #incremental: IncrementalSubscribe;
  readonly #history: HistoryRequests;
  /** `VERIFY` requests that wait for {@link IncrementalSubscribe}. */
  #verificationsHeld = 0;

  constructor(connection: Connection, context: StreamContext) {
    this.connection = connection;
    this.#context = context;
    this.#client = connection.client;
    this.#rate = new TokenBucket(this.#requestsPerSecond, performance.now());
    this.sender = new SessionSender(connection, context, this);
    const { subscriptions } = this.sender;
    this.patterns = new PatternSubscriptions(context, this.#client, subscriptions, this);
    this.#incremental = new IncrementalSubscribe(this, context);
    const { rules } = this.sender;
    this.#history = new HistoryRequests(connection, rules, context, WAITING_RETRY_MS);
  }

  message(data: Uint8Array | string): void {
    if (!this.connection.isOpen) return;
    this.connection.heard();
    try {
      this.connection.expectEncoding(data);
      this.#answer(readStreamRequest(decodeFrame(data)));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const isTooOften = error.code === ErrorCode.rate_limited;
      this.connection.refuse(error, isTooOften ? this.#retryAfterMs() : null);
    }
  }

  drain(): void {
    this.connection.heard();
    this.sender.flush();
  }

  pong(mark: number): void {
    this.connection.answered(mark);
    this.sender.answered();
  }

  get isSlow(): boolean {
    return this.sender.isSlow;
  }

  get isPaced(): boolean {
    return this.sender.isPaced;
  }

  get hasPending(): boolean {
    const { retiredPending, subscriptions } = this.sender;
    return subscriptions.statsPending + subscriptions.recordsPending + retiredPending > 0;
  }

  swept(): void {
    this.sender.flush();
  }

  close(code: number): void {
    if (code === MESSAGE_TOO_LARGE) this.#context.security.limited('frameBytes', this.#client);
    this.connection.closed();
    this.patterns.close();
    this.sender.close();
    this.#context.sessions.subscribers.delete(this);
  }

  symbolAppeared(symbolId: number): void {
    reconcile(this, symbolId);
  }

  permissionsChanged(): void {
    this.#rate.changeRate(this.#requestsPerSecond, performance.now());
    const { patterns, sender } = this;
    patterns.release(patterns.symbols().filter((symbol) => !this.#client.canRead(symbol)));
    this.#reconcile(sender.subscriptions.all());
    // Wildcards may now match symbols that could not be read before.
    const { length } = this.#context.engine.symbols.names;
    for (const symbolId of patterns.matching(patterns.wildcards, 0, length)) {
      reconcile(this, symbolId);
    }
    sender.flush();
  }

  #answer(request: StreamRequest): void {
    switch (request.op) {
      case Op.AUTH:
        this.#context.renewals?.renew(this, request.token);
        return;
      case Op.PING:
        this.connection.send(pongFrame(request.clientTime, Date.now()));
        return;
      case Op.SUBSCRIBE:
        this.#checkRate(request.requestId);
        // Old records by the log, new ones as they come: none of them is still on its way.
        this.#context.fanOut.takeRaised();
        this.subscribe(request.requestId, request.patterns, request.options);
        return;
      case Op.UNSUBSCRIBE:
        this.#checkRate(request.requestId);
        this.#unsubscribe(request.requestId, request.patterns);
        return;
      case Op.VERIFY:
        this.#checkRate(request.requestId);
        this.#verify(request.requestId);
        return;
      case Op.HISTORY:
      case Op.ALERT_HISTORY:
        this.#checkRate(request.requestId);
        this.#history.answer(request);
    }
  }

  /** Delay after which a refused request may be retried, ms. */
  #retryAfterMs(): number {
    return this.#rate.waitMs(1, performance.now()) || WAITING_RETRY_MS;
  }

  get #requestsPerSecond(): number {
    const ofToken = this.#client.identity.limits.requestsPerSecond;
    return Math.min(
      ofToken ?? Number.POSITIVE_INFINITY,
      this.#context.config.limits.requestsPerSecond,
    );
  }

  #checkRate(requestId: number): void {
    if (this.#rate.tryTake(1, performance.now())) return;
    this.#context.security.limited('requestsPerSecond', this.#client);
    const message = 'request rate limit exceeded';
    throw new ProtocolError(ErrorCode.rate_limited, message, requestId);
  }

  /** Counts a request as several where it names or compares many symbols. */
  #chargeSymbols(patterns: readonly string[]): void {
    const wildcards = patterns.filter(isWildcard).length;
    const comparisons = wildcards * this.#context.engine.symbols.names.length;
    const symbols = patterns.length - wildcards;
    this.#rate.charge(
      Math.floor(comparisons / COMPARISONS_PER_REQUEST + symbols / SYMBOLS_PER_REQUEST),
    );
  }

  /** Subscribes to patterns and answers `SUBSCRIBED`. */
  subscribe(requestId: number, patterns: readonly string[], options: SubscribeOptions): void {
    if (options.conflateMs !== undefined) {
      this.sender.conflation.conflateMs = Math.min(options.conflateMs, CONFLATE_MS_MAX);
    }
    const fields = options.fields ?? ALL_FIELDS;
    const { anomalies = true, alerts = false, stats = true } = options;
    const interest = interestIn(stats ? fields : 0, anomalies, alerts);
    const subscriptions: number[] = [];
    const wildcards: Wildcard[] = [];
    const codes = patterns.map((pattern) => {
      if (validatePattern(pattern) !== undefined) return ErrorCode.bad_symbol;
      // A wildcard is never forbidden: it matches only symbols that the client may read.
      if (isWildcard(pattern)) {
        const wildcard = this.patterns.holdWildcard(pattern, interest);
        if (wildcard === undefined) return this.#limit();
        wildcards.push(wildcard);
      } else {
        if (!this.#client.canRead(pattern)) return this.#forbid(pattern);
        const subscription = this.patterns.holdSymbol(pattern, interest);
        if (subscription === NONE) return this.#limit();
        subscriptions.push(subscription);
      }
      return 0;
    });
    const { conflateMs } = this.sender.conflation;
    this.connection.send(subscribedFrame(requestId, codes, { conflateMs, fields }));
    this.#chargeSymbols(patterns);
    this.#incremental.start(subscriptions, wildcards, options);
  }

  #limit(): ErrorCode {
    this.#context.security.limited('subscriptions', this.#client);
    return ErrorCode.subscription_limit;
  }

  #forbid(symbol: string): ErrorCode {
    this.#context.security.forbidden(this.#client, `read ${symbol}`);
    return ErrorCode.forbidden;
  }

  #unsubscribe(requestId: number, patterns: readonly string[]): void {
    const codes = patterns.map((pattern) =>
      validatePattern(pattern) === undefined ? 0 : ErrorCode.bad_symbol,
    );
    this.connection.send(unsubscribedFrame(requestId, codes));
    // Never look up an invalid pattern: it might be a name of another tenant.
    const good = patterns.filter((_, index) => codes[index] === 0);
    this.#reconcile(this.patterns.release(good));
    this.#chargeSymbols(patterns);
    this.sender.flush();
  }

  #reconcile(subscriptions: readonly number[]): void {
    const { columns } = this.sender.subscriptions;
    for (const subscription of subscriptions) {
      reconcile(this, columns.symbolIds[subscription] as number, subscription);
    }
  }

  #verify(requestId: number): void {
    if (this.sender.verificationsWaiting + this.#verificationsHeld >= VERIFICATIONS_MAX) {
      const message = `${VERIFICATIONS_MAX} VERIFY requests wait for this session already`;
      throw new ProtocolError(ErrorCode.rate_limited, message, requestId);
    }
    const partial = this.patterns.partial();
    if (partial !== undefined) {
      const { fields, pattern } = partial;
      const message = `VERIFY needs fields ${ALL_FIELDS}; "${pattern}" has fields ${fields}`;
      // Not counted as a bad frame: it could be read.
      const error = new ProtocolError(ErrorCode.bad_frame, message, requestId);
      this.connection.send(errorFrame(error));
      return;
    }
    if (this.#incremental.isDone) this.#startVerification(requestId);
    else this.#holdVerification(requestId);
  }

  #startVerification(requestId: number): void {
    this.sender.verify(requestId);
    this.sender.flush();
  }

  /** The digest must cover the subscriptions made before the request. */
  #holdVerification(requestId: number): void {
    this.#verificationsHeld++;
    this.#incremental.afterwards(() => {
      this.#verificationsHeld--;
      this.#startVerification(requestId);
    });
  }
}
