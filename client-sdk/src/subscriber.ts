import {
  type AnomalyTuple,
  type ErrorCode,
  entriesOf,
  type Frame,
  FULL,
  type HistoryTuple,
  Op,
  ProtocolError,
  STREAM_PATH,
  type SubscribeOptions,
} from '../../src/protocol/index.ts';
import { type HistoryPage, namedAnomaly, withoutId } from './anomaly.ts';
import { type Closure, Connection, closureError, type Welcome } from './connection.ts';
import { HeldPatterns } from './held-patterns.ts';
import { Mirror, type MirroredSymbol } from './mirror.ts';
import { Requests } from './requests.ts';
import type {
  Subscribed,
  SubscriberCounters,
  SubscriberOptions,
  Verification,
} from './subscriber-options.ts';
import { openWsSocket } from './ws-socket.ts';

/**
 * A stream session: subscriptions out; statistics, mirrored by symbol, and anomalies in. It lives
 * on one connection, which is not replaced when it ends.
 */
export class Subscriber {
  readonly #options: SubscriberOptions;
  readonly #connection: Connection;
  readonly #mirror = new Mirror();
  readonly #patterns = new HeldPatterns();
  readonly #requests = new Requests();
  readonly #pings: { readonly sentAt: number; readonly resolve: (roundTripMs: number) => void }[] =
    [];
  readonly #counters = { statsFrames: 0, entries: 0, fullEntries: 0, updates: 0, anomalies: 0 };
  #welcome: Welcome | undefined;

  /**
   * Opens a session at a server such as `ws://127.0.0.1:9001`.
   *
   * @throws Error when no session comes about: with the close code and the reason
   */
  static connect(url: string, options: SubscriberOptions = {}): Promise<Subscriber> {
    return new Promise((resolve, reject) => {
      const subscriber: Subscriber = new Subscriber(url, options, (failure) => {
        if (failure === undefined) resolve(subscriber);
        else reject(failure);
      });
    });
  }

  private constructor(url: string, options: SubscriberOptions, opened: (failure?: Error) => void) {
    this.#options = options;
    const { encoding = 'binary', token, openSocket = openWsSocket } = options;
    const { connectTimeoutMs = 10_000 } = options;
    this.#connection = new Connection(
      new URL(STREAM_PATH, url).href,
      { encoding, token, openSocket, connectTimeoutMs },
      {
        welcome: (info) => {
          this.#welcome = info;
          opened();
        },
        frame: (frame) => this.#receive(frame),
        closed: (closure) => this.#closed(closure, opened),
      },
    );
  }

  /** What the server said when the session opened. */
  get welcome(): Welcome {
    return this.#welcome as Welcome;
  }

  get counters(): SubscriberCounters {
    const { framesReceived, bytesReceived, framesMissed } = this.#connection;
    return { frames: framesReceived, bytes: bytesReceived, framesMissed, ...this.#counters };
  }

  /**
   * What is known of a symbol; undefined before its first entry. Live: the next frame may change
   * it.
   */
  get(symbol: string): MirroredSymbol | undefined {
    return this.#mirror.get(symbol);
  }

  /** Every symbol that has data in this session. */
  symbols(): IterableIterator<MirroredSymbol> {
    return this.#mirror.symbols();
  }

  /**
   * Subscribes to patterns: each a symbol, or a text with `*` for any run of characters.
   *
   * @throws ProtocolError when the request as a whole is refused; a single pattern is refused in
   *   `codes`
   */
  subscribe(patterns: readonly string[], options: SubscribeOptions = {}): Promise<Subscribed> {
    const { since, ...plain } = options;
    const wire = since === undefined ? plain : { ...plain, since: Object.fromEntries(since) };
    const wantsStats = options.stats ?? true;
    return this.#requests.open(
      (requestId) => this.#connection.send([Op.SUBSCRIBE, requestId, patterns, wire]),
      (answer) => this.#subscribed(answer, patterns, wantsStats),
    );
  }

  /**
   * Gives patterns up. Symbols that no held pattern covers leave the mirror.
   *
   * @returns for each pattern 0, or why it was refused
   * @throws ProtocolError when the request as a whole is refused
   */
  unsubscribe(patterns: readonly string[]): Promise<readonly (ErrorCode | 0)[]> {
    return this.#requests.open(
      (requestId) => this.#connection.send([Op.UNSUBSCRIBE, requestId, patterns]),
      (answer) => {
        const codes = answer[2] as (ErrorCode | 0)[];
        for (const [i, pattern] of patterns.entries()) {
          if (codes[i] === 0) this.#patterns.release(pattern);
        }
        this.#mirror.retain((symbol) => this.#patterns.covers(symbol));
        return codes;
      },
    );
  }

  /**
   * Compares the mirror with what the server says this session should hold, at the same point of
   * the stream.
   */
  verify(): Promise<Verification> {
    return this.#requests.open(
      (requestId) => this.#connection.send([Op.VERIFY, requestId]),
      (answer) => {
        const serverDigest = answer[2] as number;
        const symbolCount = answer[3] as number;
        const ownDigest = this.#mirror.digest();
        const ownSymbolCount = this.#mirror.size;
        const equal = serverDigest === ownDigest && symbolCount === ownSymbolCount;
        return { equal, serverDigest, ownDigest, symbolCount, ownSymbolCount };
      },
    );
  }

  /**
   * Anomalies of a symbol after a sequence, oldest first, at most `limit`.
   *
   * @throws ProtocolError `not_available` where the server has no store
   */
  history(symbol: string, afterSequence = 0, limit = 100): Promise<HistoryPage> {
    return this.#requests.open(
      (requestId) => this.#connection.send([Op.HISTORY, requestId, symbol, afterSequence, limit]),
      (answer) => {
        const tuples = answer[3] as HistoryTuple[];
        const anomalies = tuples.map((tuple) => namedAnomaly(symbol, tuple));
        return { anomalies, more: answer[4] as boolean };
      },
    );
  }

  /** Measures the round trip to the server, ms. */
  ping(): Promise<number> {
    return new Promise((resolve) => {
      const sentAt = performance.now();
      this.#pings.push({ sentAt, resolve });
      this.#connection.send([Op.PING, sentAt]);
    });
  }

  /** Stops reading from the socket, where the platform can; the server then holds changes back. */
  pause(): void {
    this.#connection.pause();
  }

  resume(): void {
    this.#connection.resume();
  }

  /** Ends the session. What still waits for an answer is rejected. */
  close(): void {
    this.#connection.close();
  }

  #closed(closure: Closure, opened: (failure?: Error) => void): void {
    const failure = closureError(closure);
    this.#requests.fail(failure);
    if (this.#welcome === undefined) opened(failure);
    else this.#options.onClose?.(closure);
  }

  #receive(frame: Frame): void {
    switch (frame[0]) {
      case Op.STATS:
        this.#stats(frame[1] as number, frame[2] as number[]);
        break;
      case Op.ANOMALY:
        this.#anomalies(frame[1] as number, frame[2] as AnomalyTuple[]);
        break;
      case Op.SYMBOLS:
        this.#mirror.learnNames(frame[1] as unknown[]);
        break;
      case Op.PONG:
        this.#pong();
        break;
      case Op.ERROR:
        this.#error(frame);
        break;
      case Op.GOAWAY:
        this.#options.onGoaway?.(frame[1] as string, frame[2] as number, frame[3] as number);
        break;
      default:
        // An answer, or an op of a later version: nobody waits for that one, so it is ignored.
        this.#requests.answer(frame);
    }
  }

  #stats(serverTime: number, entries: number[]): void {
    let changes: readonly MirroredSymbol[];
    try {
      changes = this.#mirror.apply(entries);
    } catch (error) {
      this.#connection.fault(error as Error);
      return;
    }
    const counters = this.#counters;
    counters.statsFrames++;
    counters.entries += changes.length;
    for (const { mask, values, previousCount } of changes) {
      if ((mask & FULL) !== 0) counters.fullEntries++;
      const updates = values.count - previousCount;
      if (updates > 0) counters.updates += updates;
    }
    this.#options.onStats?.(changes, serverTime);
  }

  #anomalies(serverTime: number, tuples: AnomalyTuple[]): void {
    this.#counters.anomalies += tuples.length;
    const { onAnomaly } = this.#options;
    if (onAnomaly === undefined) return;
    for (const tuple of tuples) {
      const symbol = this.#mirror.nameOf(tuple[0]);
      if (symbol === undefined) {
        this.#connection.fault(
          new RangeError(`anomaly of symbol id ${tuple[0]}, which has no name`),
        );
        return;
      }
      onAnomaly(namedAnomaly(symbol, withoutId(tuple)), serverTime);
    }
  }

  #pong(): void {
    const ping = this.#pings.shift();
    ping?.resolve(performance.now() - ping.sentAt);
  }

  #error(frame: Frame): void {
    const [, requestId, code, message] = frame;
    const id = typeof requestId === 'number' ? requestId : null;
    const error = new ProtocolError(code as ErrorCode, String(message), id);
    if (!this.#requests.refuse(error)) this.#options.onError?.(error);
  }

  #subscribed(answer: Frame, patterns: readonly string[], wantsStats: boolean): Subscribed {
    const codes = answer[2] as (ErrorCode | 0)[];
    for (const [i, pattern] of patterns.entries()) {
      if (codes[i] === 0) this.#patterns.hold(pattern, wantsStats);
    }
    if (!wantsStats) this.#mirror.retain((symbol) => this.#patterns.covers(symbol));
    const effective = Object.fromEntries(entriesOf(answer[3]) ?? []);
    return {
      codes,
      conflateMs: effective.conflateMs as number,
      fields: effective.fields as number,
    };
  }
}
