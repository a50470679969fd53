import { UNKNOWN_SYMBOL } from '../engine/index.ts';
import {
  ALL_FIELDS,
  decodeFrame,
  ErrorCode,
  errorFrame,
  historyPageFrame,
  Op,
  ProtocolError,
  patternFault,
  pongFrame,
  readStreamRequest,
  type StreamRequest,
  type SubscribeOptions,
  subscribedFrame,
  symbolFault,
  unsubscribedFrame,
} from '../protocol/index.ts';
import type { Connection } from './connection.ts';
import { Delivery, type DeliveryRoom } from './delivery.ts';
import { HeldPatterns, type PatternRoom } from './held-patterns.ts';
import type { Watcher } from './subscriptions.ts';
import type { SocketHandler } from './transport/transport.ts';
import { NOT_HELD, wantsOf } from './wants.ts';

/** What all stream sessions share. */
export interface StreamRoom extends DeliveryRoom, PatternRoom {
  readonly symbols: PatternRoom['symbols'];
  /** The `conflateMs` of a session that names none. */
  readonly conflateMs: number;
  sessionClosed(session: StreamSession): void;
}

/** A larger `conflateMs` is cut to this: beyond, a reader could not tell silence from stillness. */
const CONFLATE_MS_MAX = 60_000;
/** `VERIFY` requests that may wait for a slow session. */
const VERIFICATIONS_MAX = 16;
/** Anomalies in a history page at most. */
const HISTORY_PAGE_MAX = 1000;

/** A subscriber's connection: patterns in, statistics and anomalies out. */
export class StreamSession implements SocketHandler, Watcher {
  readonly connection: Connection;
  readonly delivery: Delivery;
  readonly #room: StreamRoom;
  readonly #patterns: HeldPatterns;

  constructor(connection: Connection, room: StreamRoom) {
    this.connection = connection;
    this.#room = room;
    this.delivery = new Delivery(connection, room, room.conflateMs, this);
    this.#patterns = new HeldPatterns(room, this.delivery.links, this);
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
    this.#patterns.close();
    this.delivery.close();
    this.#room.sessionClosed(this);
  }

  symbolAppeared(symbolId: number, symbol: string): void {
    this.delivery.link(symbolId, this.#patterns.wantsOf(symbolId, symbol), false);
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
      this.delivery.pace.conflateMs = Math.min(options.conflateMs, CONFLATE_MS_MAX);
    }
    const fields = options.fields ?? ALL_FIELDS;
    const wants = wantsOf((options.stats ?? true) ? fields : 0, options.anomalies ?? true);
    const codes = patterns.map((pattern) => this.#hold(pattern, wants));
    const { conflateMs } = this.delivery.pace;
    this.connection.send(subscribedFrame(requestId, codes, { conflateMs, fields }));
    const held = patterns.filter((_, index) => codes[index] === 0);
    for (const [symbolId, symbol] of this.#patterns.matching(held)) {
      const wanted = this.#patterns.wantsOf(symbolId, symbol);
      this.delivery.link(symbolId, wanted, true, options.since?.get(symbol));
    }
    this.delivery.flush();
  }

  #hold(pattern: string, wants: number): ErrorCode | 0 {
    if (patternFault(pattern) !== undefined) return ErrorCode.bad_symbol;
    return this.#patterns.hold(pattern, wants) ? 0 : ErrorCode.subscription_limit;
  }

  #unsubscribe(requestId: number, patterns: readonly string[]): void {
    const codes = patterns.map((pattern) =>
      patternFault(pattern) === undefined ? 0 : ErrorCode.bad_symbol,
    );
    this.connection.send(unsubscribedFrame(requestId, codes));
    this.#letGo(patterns.filter((pattern) => this.#patterns.release(pattern)));
    this.delivery.flush();
  }

  #letGo(patterns: readonly string[]): void {
    const unlinked: number[] = [];
    for (const pattern of patterns) {
      const awaitedId = this.#room.subscriptions.awaitedId(pattern);
      if (awaitedId !== undefined) unlinked.push(awaitedId);
    }
    for (const [symbolId, symbol] of this.#patterns.matching(patterns)) {
      const wants = this.#patterns.wantsOf(symbolId, symbol);
      if (wants === NOT_HELD) unlinked.push(symbolId);
      else this.delivery.link(symbolId, wants, false);
    }
    this.delivery.unlink(unlinked);
  }

  #verify(requestId: number): void {
    if (this.delivery.verificationsWaiting >= VERIFICATIONS_MAX) {
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
    this.delivery.verify(requestId);
    this.delivery.flush();
  }

  /** From memory or the store: what neither has is not available. */
  #history(requestId: number, symbol: string, afterSequence: number, limit: number): void {
    const fault = symbolFault(symbol);
    if (fault !== undefined) {
      throw new ProtocolError(ErrorCode.bad_symbol, `symbol ${fault}`, requestId);
    }
    const { anomalies, symbols } = this.#room;
    const symbolId = symbols.findName(symbol);
    if (symbolId !== UNKNOWN_SYMBOL && afterSequence + 1 < anomalies.first(symbolId)) {
      const message = `the oldest anomaly kept is ${anomalies.first(symbolId)}`;
      throw new ProtocolError(ErrorCode.not_available, message, requestId);
    }
    const count = Math.min(limit, HISTORY_PAGE_MAX);
    const records = anomalies.past(symbolId, afterSequence + 1, count);
    const last = records.at(-1)?.sequence ?? afterSequence;
    const page = records.map(
      ({ sequence, direction, reference, price, changePercent, time }) =>
        [sequence, direction, reference, price, changePercent, time] as const,
    );
    const hasMore = last < anomalies.last(symbolId);
    this.connection.send(historyPageFrame(requestId, symbol, page, hasMore));
  }
}
