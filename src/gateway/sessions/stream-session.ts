import { UNKNOWN_SYMBOL } from '../../engine/index.ts';
import {
  ALL_FIELDS,
  decodeFrame,
  ErrorCode,
  errorFrame,
  historyPageFrame,
  historyTuple,
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
  validateSymbol,
} from '../../protocol/index.ts';
import type { GatewayContext } from '../context.ts';
import { type SenderContext, SessionSender } from '../fanout/session-sender.ts';
import { TokenBucket } from '../limits/token-bucket.ts';
import { GradualLinking } from '../subscriptions/gradual-linking.ts';
import { HeldPatterns } from '../subscriptions/held-patterns.ts';
import type { Watcher } from '../subscriptions/subscriptions.ts';
import { NOT_HELD, wantsOf } from '../subscriptions/wants.ts';
import { MESSAGE_TOO_LARGE, type SocketHandler } from '../transport/transport.ts';
import type { Client } from './client.ts';
import type { Connection } from './connection.ts';
import type { SubscriberSession } from './session.ts';

export type StreamContext = SenderContext &
  Pick<GatewayContext, 'background' | 'renewals' | 'security' | 'sessions'>;

/** A larger `conflateMs` is cut to this: beyond, a reader could not tell silence from stillness. */
const CONFLATE_MS_MAX = 60_000;
/** `VERIFY` requests that may wait for a slow session. */
const VERIFICATIONS_MAX = 16;
/** When one more may be sent, about, ms. */
const VERIFY_RETRY_MS = 100;
/**
 * What one request may cost before it counts as several: symbols held against a pattern with a `*`, and links made or let
 * go of. Either takes some 50 µs.
 */
const LOOKS_PER_REQUEST = 512;
const LINKS_PER_REQUEST = 128;
/** Anomalies in a history page at most. */
const HISTORY_PAGE_MAX = 1000;

/** A subscriber's connection: patterns in, statistics and anomalies out. */
export class StreamSession implements SocketHandler, SubscriberSession, Watcher {
  readonly connection: Connection;
  readonly delivery: SessionSender;
  readonly #context: StreamContext;
  readonly #client: Client;
  readonly #rate: TokenBucket;
  readonly #patterns: HeldPatterns;
  readonly #linking: GradualLinking;
  /** `VERIFY` requests that wait for it. */
  #verificationsHeld = 0;

  constructor(connection: Connection, context: StreamContext) {
    this.connection = connection;
    this.#context = context;
    this.#client = connection.client;
    this.#rate = new TokenBucket(this.#requestsPerSecond, performance.now());
    this.delivery = new SessionSender(connection, context, this);
    this.#patterns = new HeldPatterns(context, this.#client, this.delivery.links, this);
    const { delivery } = this;
    const { nameSpace } = this.#client;
    const patterns = this.#patterns;
    this.#linking = new GradualLinking({
      symbols: context.engine.symbols,
      work: context.background,
      connection,
      delivery,
      patterns,
      nameSpace,
    });
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
    this.delivery.flush();
  }

  pong(): void {
    this.connection.heard();
  }

  get isSlow(): boolean {
    return this.delivery.isSlow;
  }

  get hasPending(): boolean {
    const { anomaliesPending, statsPending } = this.delivery.links;
    return statsPending + anomaliesPending > 0;
  }

  swept(): void {
    this.delivery.flush();
  }

  close(code: number): void {
    if (code === MESSAGE_TOO_LARGE) this.#context.security.limited('frameBytes', this.#client);
    this.connection.closed();
    this.#patterns.close();
    this.delivery.close();
    this.#context.sessions.subscribers.delete(this);
  }

  symbolAppeared(symbolId: number, name: string): void {
    const wants = this.#patterns.wantsOf(symbolId, name);
    if (wants !== NOT_HELD) this.delivery.link(symbolId, wants, false);
  }

  /** The token that took the place of the one before may allow less, or more. */
  permissionsChanged(): void {
    this.#rate.changeRate(this.#requestsPerSecond, performance.now());
    const held = [...this.#patterns.held()].map(([pattern]) => pattern);
    const forbidden = held.filter((pattern) => !this.#isReadable(pattern));
    this.#letGo(forbidden.filter((pattern) => this.#patterns.release(pattern)));
    // What patterns with a `*` match may be less now, or more.
    this.delivery.unlink(this.#unreadable());
    for (const [symbolId, name] of this.#patterns.matching(held)) {
      const wants = this.#patterns.wantsOf(symbolId, name);
      if (wants !== NOT_HELD) this.delivery.link(symbolId, wants, false);
    }
    this.delivery.flush();
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
        this.#subscribe(request.requestId, request.patterns, request.options);
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
        this.#checkRate(request.requestId);
        this.#history(request.requestId, request.symbol, request.afterSequence, request.limit);
    }
  }

  /** When a request that was refused may come again, ms: at once by the rate, where it was one VERIFY too many. */
  #retryAfterMs(): number {
    return this.#rate.waitMs(1, performance.now()) || VERIFY_RETRY_MS;
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

  /** Counts a request as several where it has more symbols looked at than a small one. */
  #chargeLooks(patterns: readonly string[]): void {
    const wildcards = patterns.filter(isWildcard).length;
    const looks = wildcards * this.#context.engine.symbols.names.length;
    const symbols = patterns.length - wildcards;
    this.#rate.charge(Math.floor(looks / LOOKS_PER_REQUEST + symbols / LINKS_PER_REQUEST));
  }

  #subscribe(requestId: number, patterns: readonly string[], options: SubscribeOptions): void {
    if (options.conflateMs !== undefined) {
      this.delivery.pace.conflateMs = Math.min(options.conflateMs, CONFLATE_MS_MAX);
    }
    const fields = options.fields ?? ALL_FIELDS;
    const wants = wantsOf((options.stats ?? true) ? fields : 0, options.anomalies ?? true);
    const codes = patterns.map((pattern) => this.#hold(pattern, wants));
    const { conflateMs } = this.delivery.pace;
    this.connection.send(subscribedFrame(requestId, codes, { conflateMs, fields }));
    const held = patterns.filter((_, index) => codes[index] === 0);
    this.#chargeLooks(patterns);
    this.#linking.link(held, options.since);
  }

  #hold(pattern: string, wants: number): ErrorCode | 0 {
    if (validatePattern(pattern) !== undefined) return ErrorCode.bad_symbol;
    if (!this.#isReadable(pattern)) return this.#forbid(pattern);
    if (this.#patterns.hold(pattern, wants)) return 0;
    this.#context.security.limited('subscriptions', this.#client);
    return ErrorCode.subscription_limit;
  }

  /** A pattern with a `*` is always taken: it matches what the client may read, be that nothing. */
  #isReadable(pattern: string): boolean {
    return isWildcard(pattern) || this.#client.canRead(pattern);
  }

  #forbid(symbol: string): ErrorCode {
    this.#context.security.forbidden(this.#client, `read ${symbol}`);
    return ErrorCode.forbidden;
  }

  #unreadable(): number[] {
    const { symbols } = this.#context.engine;
    const { symbolIds } = this.delivery.links;
    return [...this.delivery.links.all()]
      .map((link) => symbolIds[link] as number)
      .filter((symbolId) => symbolId >= 0 && !this.#client.sees(symbols.name(symbolId)));
  }

  #unsubscribe(requestId: number, patterns: readonly string[]): void {
    const codes = patterns.map((pattern) =>
      validatePattern(pattern) === undefined ? 0 : ErrorCode.bad_symbol,
    );
    this.connection.send(unsubscribedFrame(requestId, codes));
    // What is no pattern must not be looked up: it might be the name of another tenant's.
    const good = patterns.filter((_, index) => codes[index] === 0);
    this.#letGo(good.filter((pattern) => this.#patterns.release(pattern)));
    this.#chargeLooks(patterns);
    this.delivery.flush();
  }

  #letGo(patterns: readonly string[]): void {
    const unlinked: number[] = [];
    for (const pattern of patterns) {
      const name = this.#client.nameSpace.nameOf(pattern);
      const awaitedId = this.#context.subscriptions.awaitedId(name);
      if (awaitedId !== undefined) unlinked.push(awaitedId);
    }
    for (const [symbolId, name] of this.#patterns.matching(patterns)) {
      const wants = this.#patterns.wantsOf(symbolId, name);
      if (wants === NOT_HELD) unlinked.push(symbolId);
      else this.delivery.link(symbolId, wants, false);
    }
    this.delivery.unlink(unlinked);
  }

  #verify(requestId: number): void {
    if (this.delivery.verificationsWaiting + this.#verificationsHeld >= VERIFICATIONS_MAX) {
      const message = `${VERIFICATIONS_MAX} VERIFY requests wait for this session already`;
      throw new ProtocolError(ErrorCode.rate_limited, message, requestId);
    }
    const partial = this.#patterns.partial();
    if (partial !== undefined) {
      const { fields, pattern } = partial;
      const message = `VERIFY needs fields ${ALL_FIELDS}; "${pattern}" was subscribed with ${fields}`;
      // Told, not counted: the frame could be read.
      const error = new ProtocolError(ErrorCode.bad_frame, message, requestId);
      this.connection.send(errorFrame(error));
      return;
    }
    if (this.#linking.isDone) this.#startVerification(requestId);
    else this.#holdVerification(requestId);
  }

  #startVerification(requestId: number): void {
    this.delivery.verify(requestId);
    this.delivery.flush();
  }

  /** What was subscribed to before it belongs into its digest. */
  #holdVerification(requestId: number): void {
    this.#verificationsHeld++;
    this.#linking.afterwards(() => {
      this.#verificationsHeld--;
      this.#startVerification(requestId);
    });
  }

  /** From memory or the store: what neither has is not available. */
  #history(requestId: number, symbol: string, afterSequence: number, limit: number): void {
    const fault = validateSymbol(symbol);
    if (fault !== undefined) {
      throw new ProtocolError(ErrorCode.bad_symbol, `symbol ${fault}`, requestId);
    }
    if (!this.#client.canRead(symbol)) {
      this.#forbid(symbol);
      throw new ProtocolError(
        ErrorCode.forbidden,
        `the token does not allow "${symbol}"`,
        requestId,
      );
    }
    const { anomalies, engine } = this.#context;
    const { symbols } = engine;
    const symbolId = symbols.findName(this.#client.nameSpace.nameOf(symbol));
    if (symbolId !== UNKNOWN_SYMBOL && afterSequence + 1 < anomalies.first(symbolId)) {
      const message = `the oldest anomaly kept is ${anomalies.first(symbolId)}`;
      throw new ProtocolError(ErrorCode.not_available, message, requestId);
    }
    const count = Math.min(limit, HISTORY_PAGE_MAX);
    const records = anomalies.past(symbolId, afterSequence + 1, count);
    const last = records.at(-1)?.sequence ?? afterSequence;
    const page = records.map(historyTuple);
    const hasMore = last < anomalies.last(symbolId);
    this.connection.send(historyPageFrame(requestId, symbol, page, hasMore));
  }
}
