import { type SymbolTable, UNKNOWN_SYMBOL } from '../engine/index.ts';
import {
  ALL_FIELDS,
  decodeFrame,
  ErrorCode,
  errorFrame,
  historyPageFrame,
  isWildcard,
  Op,
  ProtocolError,
  patternFault,
  patternMatcher,
  pongFrame,
  readStreamRequest,
  type StreamRequest,
  type SubscribeOptions,
  subscribedFrame,
  symbolFault,
  unsubscribedFrame,
} from '../protocol/index.ts';
import type { Connection } from './connection.ts';
import { Delivery, type DeliveryRoom, type Wants } from './delivery.ts';
import type { Watcher } from './subscriptions.ts';
import type { SocketHandler } from './transport/transport.ts';

/** What all stream sessions share. */
export interface StreamRoom extends DeliveryRoom {
  readonly symbols: Pick<SymbolTable, 'name' | 'names' | 'findName'>;
  /** Patterns a session may hold. */
  readonly subscriptionsMax: number;
  /** The `conflateMs` of a session that names none. */
  readonly conflateMs: number;
  sessionClosed(session: StreamSession): void;
}

/** A larger `conflateMs` is cut to this: beyond, a reader could not tell silence from stillness. */
const CONFLATE_MS_MAX = 60_000;
/** Patterns with a `*` that a session may hold: each is held against every symbol there is, and every new one. */
const WILDCARDS_MAX = 256;
/** `VERIFY` requests that may wait for a slow session. */
const VERIFICATIONS_MAX = 16;
/** Anomalies in a history page at most. */
const HISTORY_PAGE_MAX = 1000;

/** A subscriber's connection: patterns in, statistics and anomalies out. */
export class StreamSession implements SocketHandler, Watcher {
  readonly connection: Connection;
  readonly delivery: Delivery;
  readonly #room: StreamRoom;
  /** What each held pattern wants. */
  readonly #patterns = new Map<string, Wants>();
  readonly #wildcards = new Map<string, (symbol: string) => boolean>();

  constructor(connection: Connection, room: StreamRoom) {
    this.connection = connection;
    this.#room = room;
    this.delivery = new Delivery(connection, room, room.conflateMs);
  }

  message(data: Uint8Array | string): void {
    if (!this.connection.isOpen) return;
    this.connection.heard();
    try {
      this.connection.expectEncoding(data);
      this.#answer(readStreamRequest(decodeFrame(data)));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.connection.refuse(error);
    }
  }

  drain(): void {
    this.connection.heard();
    this.delivery.flush();
  }

  pong(): void {
    this.connection.heard();
  }

  swept(): void {
    this.delivery.flush();
  }

  close(): void {
    this.connection.closed();
    for (const pattern of this.#patterns.keys()) this.#room.subscriptions.unwatch(pattern, this);
    this.#patterns.clear();
    this.delivery.close();
    this.#room.sessionClosed(this);
  }

  symbolAppeared(symbolId: number, symbol: string): void {
    this.delivery.link(symbolId, this.#wantsOf(symbol), false);
  }

  #answer(request: StreamRequest): void {
    switch (request.op) {
      case Op.AUTH:
        // This server demands no token, so any is as good as none.
        return;
      case Op.PING:
        this.connection.send(pongFrame(request.clientTime, Date.now()));
        return;
      case Op.SUBSCRIBE:
        this.#subscribe(request.requestId, request.patterns, request.options);
        return;
      case Op.UNSUBSCRIBE:
        this.#unsubscribe(request.requestId, request.patterns);
        return;
      case Op.VERIFY:
        this.#verify(request.requestId);
        return;
      case Op.HISTORY:
        this.#history(request.requestId, request.symbol, request.afterSequence, request.limit);
    }
  }

  /** One synchronous step: nothing can change between the full entries and the marks of what comes after. */
  #subscribe(requestId: number, patterns: readonly string[], options: SubscribeOptions): void {
    if (options.conflateMs !== undefined) {
      this.delivery.conflateMs = Math.min(options.conflateMs, CONFLATE_MS_MAX);
    }
    const fields = options.fields ?? ALL_FIELDS;
    const wants = {
      fields: (options.stats ?? true) ? fields : 0,
      anomalies: options.anomalies ?? true,
    };
    const codes = patterns.map((pattern) => this.#hold(pattern, wants));
    const { conflateMs } = this.delivery;
    this.connection.send(subscribedFrame(requestId, codes, { conflateMs, fields }));
    const held = patterns.filter((_, index) => codes[index] === 0);
    for (const [symbolId, symbol] of this.#matching(held)) {
      this.delivery.link(symbolId, this.#wantsOf(symbol), true, options.since?.get(symbol));
    }
    this.delivery.flush();
  }

  #hold(pattern: string, wants: Wants): ErrorCode | 0 {
    if (patternFault(pattern) !== undefined) return ErrorCode.bad_symbol;
    if (!this.#patterns.has(pattern)) {
      const isOver = isWildcard(pattern) && this.#wildcards.size >= WILDCARDS_MAX;
      if (isOver || this.#patterns.size >= this.#room.subscriptionsMax) {
        return ErrorCode.subscription_limit;
      }
      const exists = this.#room.symbols.findName(pattern) !== UNKNOWN_SYMBOL;
      this.#room.subscriptions.watch(pattern, this, exists);
    }
    this.#patterns.set(pattern, wants);
    if (isWildcard(pattern)) this.#wildcards.set(pattern, patternMatcher(pattern));
    return 0;
  }

  #unsubscribe(requestId: number, patterns: readonly string[]): void {
    const codes = patterns.map((pattern) =>
      patternFault(pattern) === undefined ? 0 : ErrorCode.bad_symbol,
    );
    this.connection.send(unsubscribedFrame(requestId, codes));
    this.#letGo(patterns.filter((pattern) => this.#patterns.delete(pattern)));
    this.delivery.flush();
  }

  #letGo(patterns: readonly string[]): void {
    for (const pattern of patterns) {
      this.#room.subscriptions.unwatch(pattern, this);
      this.#wildcards.delete(pattern);
    }
    for (const [symbolId, symbol] of this.#matching(patterns)) {
      if (this.#isHeld(symbol)) this.delivery.link(symbolId, this.#wantsOf(symbol), false);
      else this.delivery.unlink(symbolId);
    }
  }

  #verify(requestId: number): void {
    if (this.delivery.verificationsWaiting >= VERIFICATIONS_MAX) {
      const message = `${VERIFICATIONS_MAX} VERIFY requests wait for this session already`;
      throw new ProtocolError(ErrorCode.rate_limited, message, requestId);
    }
    for (const [pattern, { fields }] of this.#patterns) {
      if (fields === 0 || fields === ALL_FIELDS) continue;
      const message = `VERIFY needs fields ${ALL_FIELDS}; "${pattern}" was subscribed with ${fields}`;
      // Told, not counted: the frame could be read.
      const error = new ProtocolError(ErrorCode.bad_frame, message, requestId);
      this.connection.send(errorFrame(error));
      return;
    }
    this.delivery.verify(requestId);
    this.delivery.flush();
  }

  /** From memory: what fell out of it only a store would know. */
  #history(requestId: number, symbol: string, afterSequence: number, limit: number): void {
    const fault = symbolFault(symbol);
    if (fault !== undefined) {
      throw new ProtocolError(ErrorCode.bad_symbol, `symbol ${fault}`, requestId);
    }
    const { anomalies, symbols } = this.#room;
    const symbolId = symbols.findName(symbol);
    if (symbolId !== UNKNOWN_SYMBOL && afterSequence + 1 < anomalies.first(symbolId)) {
      const oldest = anomalies.first(symbolId);
      const message = `the oldest anomaly held is ${oldest}, and there is no store`;
      throw new ProtocolError(ErrorCode.not_available, message, requestId);
    }
    const count = Math.min(limit, HISTORY_PAGE_MAX);
    const records = anomalies.from(symbolId, afterSequence + 1, count);
    const last = records.at(-1)?.sequence ?? afterSequence;
    const page = records.map(
      ({ sequence, direction, reference, price, changePercent, time }) =>
        [sequence, direction, reference, price, changePercent, time] as const,
    );
    const hasMore = last < anomalies.last(symbolId);
    this.connection.send(historyPageFrame(requestId, symbol, page, hasMore));
  }

  /** The symbols that exist and that one of the patterns matches, each once however many do. */
  #matching(patterns: readonly string[]): Map<number, string> {
    const { symbols } = this.#room;
    const found = new Map<number, string>();
    for (const symbol of patterns.filter((pattern) => !isWildcard(pattern))) {
      const symbolId = symbols.findName(symbol);
      if (symbolId !== UNKNOWN_SYMBOL) found.set(symbolId, symbol);
    }
    const matchers = patterns.filter(isWildcard).map(patternMatcher);
    if (matchers.length === 0) return found;
    symbols.names.forEach((symbol, symbolId) => {
      if (matchers.some((matches) => matches(symbol))) found.set(symbolId, symbol);
    });
    return found;
  }

  #isHeld(symbol: string): boolean {
    if (this.#patterns.has(symbol)) return true;
    for (const matches of this.#wildcards.values()) if (matches(symbol)) return true;
    return false;
  }

  /** What the patterns that match a symbol want of it together. */
  #wantsOf(symbol: string): Wants {
    const exact = this.#patterns.get(symbol);
    let fields = exact?.fields ?? 0;
    let anomalies = exact?.anomalies ?? false;
    for (const [pattern, matches] of this.#wildcards) {
      if (fields === ALL_FIELDS && anomalies) break;
      if (!matches(symbol)) continue;
      const wants = this.#patterns.get(pattern);
      fields |= wants?.fields ?? 0;
      anomalies ||= wants?.anomalies ?? false;
    }
    return { fields, anomalies };
  }
}
