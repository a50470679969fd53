import { type Frame, isReconnectable, Op, PROTOCOL_VERSION } from '../../../src/protocol/index.ts';
import { check } from '../value-checks.ts';
import type { ConnectOptions } from './connect-options.ts';
import {
  ABNORMAL_CLOSURE,
  type Closure,
  Connection,
  TIMER_MS_MAX,
  type Welcome,
} from './connection.ts';
import { defaultWebSocket, type WebSocketConstructor } from './web-socket.ts';

/** After a session of this length, the backoff starts over. */
const STABLE_MS = 10_000;
/** The longest remaining wait after a wake signal, ms. */
const WOKEN_WAIT_MS = 500;
const CONNECT_TIMEOUT_MS = 10_000;

/** Callbacks of a reconnector. */
export interface ReconnectorListener {
  /** A session opened. `connection` may be used until {@link lost} or {@link ended}. */
  opened(info: Welcome, connection: Connection): void;
  /** A frame of the open session, except `WELCOME`, `HEARTBEAT` and `GOAWAY`. */
  frame(frame: Frame): void;
  /** An attempt failed or the open session was lost. The next attempt follows after a wait. */
  lost(closure: Closure, retryInMs: number): void;
  /**
   * Called once, as the last callback: with the failure and how the server closed, or without after
   * {@link Reconnector.close}.
   */
  ended(failure: Error | undefined, closure?: Closure): void;
  /** Whether someone will learn of a failure. */
  isHeard(): boolean;
}

/**
 * Keeps a session open: connects, and reconnects after a loss with growing delays, at each server
 * in turn. Ends when a close code says so (4500 to 4999, and 4004), after `giveUpAfterMs` without
 * success, or on request.
 */
export class Reconnector {
  /** Where it connects, the present or next one first. */
  readonly urls: string[];
  readonly #options: ConnectOptions;
  readonly #listener: ReconnectorListener;
  readonly #stopWatching: () => void;
  token: ConnectOptions['token'];
  #connection: Connection | undefined;
  #isOpen = false;
  #wasOpen = false;
  #isEnded = false;
  #openedAt = 0;
  /** Start of the present run of attempts, moved on by sessions that did not last. */
  #lostAt = performance.now();
  #failures = 0;
  /** Spread announced by GOAWAY on this connection. */
  #jitterMs: number | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #retryAt = 0;
  #tokenTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(urls: string[], options: ConnectOptions, listener: ReconnectorListener) {
    this.urls = urls;
    this.#options = options;
    this.token = options.token;
    this.#listener = listener;
    this.#stopWatching = watchPage(
      () => this.#woken(),
      () => this.#connection?.abort('the page is offline'),
    );
    void this.#connect();
  }

  /** The connection of the open session. */
  get connection(): Connection | undefined {
    return this.#isOpen ? this.#connection : undefined;
  }

  /** Drops the open connection because the server broke the protocol, and reconnects. */
  breakOff(reason: string): void {
    this.#connection?.breakOff(reason);
  }

  /** Replaces the token, also of an open session. A function is asked again, nevertheless. */
  authenticate(token: string): void {
    check('token', token, ['string']);
    if (typeof this.token !== 'function') this.token = token;
    this.connection?.send([Op.AUTH, token]);
  }

  /** Ends a wait: tries at once, as if nothing had failed before. Replaces an open session. */
  reconnect(): void {
    this.#failures = 0;
    this.connection?.abort('reconnect() was called');
    if (this.#retryTimer !== undefined) this.#retryAfter(0);
  }

  /** Closes for good, perhaps because of a failure. */
  close(failure?: Error): void {
    this.#end(failure);
  }

  async #connect(): Promise<void> {
    this.#retryTimer = undefined;
    this.#jitterMs = undefined;
    const { connectTimeoutMs = CONNECT_TIMEOUT_MS, encoding = 'binary' } = this.#options;
    const WebSocket = await this.#findWebSocket();
    if (WebSocket === undefined || this.#isEnded) return;
    try {
      const token = await this.#findToken(connectTimeoutMs);
      if (this.#isEnded) return;
      this.#connection = new Connection(
        this.urls[0] as string,
        { WebSocket, encoding, token, connectTimeoutMs },
        {
          welcome: (info) => this.#welcome(info),
          frame: (frame) => this.#receive(frame),
          closed: (closure) => this.#closed(closure),
        },
      );
    } catch (error) {
      // No token at present, or a URL that the platform refuses.
      const reason = error instanceof Error ? error.message : String(error);
      this.#closed({ code: ABNORMAL_CLOSURE, reason });
    }
  }

  // Always asynchronous: the caller can add listeners before anything happens.
  async #findWebSocket(): Promise<WebSocketConstructor | undefined> {
    try {
      return this.#options.WebSocket ?? (await defaultWebSocket());
    } catch (error) {
      this.#giveUp(error as Error);
      return undefined;
    }
  }

  async #findToken(timeoutMs: number): Promise<string | undefined> {
    const { token } = this;
    if (typeof token !== 'function') return token;
    const asked = token();
    const late = new Promise<never>((_, reject) => {
      const giveUp = () => reject(new Error('no token in time'));
      this.#tokenTimer = setTimeout(giveUp, Math.min(timeoutMs, TIMER_MS_MAX));
    });
    try {
      return await Promise.race([asked, late]);
    } finally {
      clearTimeout(this.#tokenTimer);
    }
  }

  #welcome(info: Welcome): void {
    if (info.version !== PROTOCOL_VERSION) {
      const versions = `version ${info.version}, this client ${PROTOCOL_VERSION}`;
      this.close(new Error(`the server speaks protocol ${versions}`));
      return;
    }
    this.#isOpen = true;
    this.#wasOpen = true;
    this.#openedAt = performance.now();
    this.#listener.opened(info, this.#connection as Connection);
  }

  #receive(frame: Frame): void {
    if (frame[0] !== Op.GOAWAY) this.#listener.frame(frame);
    else if (typeof frame[3] === 'number') this.#jitterMs = frame[3];
  }

  #closed(closure: Closure): void {
    const now = performance.now();
    const openMs = this.#isOpen ? now - this.#openedAt : 0;
    this.#isOpen = false;
    this.#connection = undefined;
    if (this.#isEnded) return;
    if (openMs >= STABLE_MS) this.#failures = 0;
    this.#lostAt = openMs >= STABLE_MS ? now : Math.min(now, this.#lostAt + openMs);
    const { giveUpAfterMs = Number.POSITIVE_INFINITY } = this.#options;
    if (!isReconnectable(closure.code) || now - this.#lostAt >= giveUpAfterMs) {
      this.#giveUp(closureError(closure), closure);
      return;
    }
    this.urls.push(this.urls.shift() as string);
    const retryInMs = this.#nextWaitMs();
    this.#retryAfter(retryInMs);
    this.#listener.lost(closure, retryInMs);
  }

  #nextWaitMs(): number {
    const failures = this.#failures++;
    if (this.#jitterMs === undefined) return backoffMs(failures);
    const spreadMs = Math.random() * this.#jitterMs;
    // A server that sends everyone away again at once is not retried faster than one that fails.
    return failures === 0 ? spreadMs : Math.max(spreadMs, backoffMs(failures));
  }

  #retryAfter(delayMs: number): void {
    clearTimeout(this.#retryTimer);
    this.#retryAt = performance.now() + delayMs;
    this.#retryTimer = setTimeout(() => void this.#connect(), delayMs);
  }

  #woken(): void {
    if (this.#retryTimer === undefined) {
      this.connection?.probe();
      return;
    }
    // Wake signals only ever shorten the wait.
    const leftMs = Math.max(0, this.#retryAt - performance.now());
    this.#retryAfter(Math.min(leftMs, Math.random() * WOKEN_WAIT_MS));
  }

  // A client that never had a session, and nobody listening for why, is a program that ends in
  // silence, or a page that stays empty: throws as well, to be seen.
  #giveUp(failure: Error, closure?: Closure): void {
    if (this.#isEnded) return;
    const isSeen = this.#wasOpen || this.#listener.isHeard();
    this.#end(failure, closure);
    if (isSeen) return;
    queueMicrotask(() => {
      throw failure;
    });
  }

  #end(failure: Error | undefined, closure?: Closure): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#isOpen = false;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#tokenTimer);
    this.#stopWatching();
    this.#connection?.close();
    this.#listener.ended(failure, closure);
  }
}

/** The error of requests that were waiting on a connection that ended. */
export function closureError({ code, reason }: Closure): Error {
  return new Error(`connection closed (${code}) ${reason}`.trimEnd());
}

/** Upper bound of the first wait, and of all waits, ms. */
const BASE_MS = 500;
const CAP_MS = 20_000;

/**
 * Wait before the next attempt, ms: random between 0 and a bound that doubles with each failure
 * ("full jitter"), so that clients of a restarted server do not all return at once.
 *
 * @param failures consecutive failures before this wait, from 0
 */
function backoffMs(failures: number): number {
  return Math.random() * Math.min(CAP_MS, BASE_MS * 2 ** failures);
}

/** The browser's events for a page that is visible again, or a network that is back or gone. */
interface EventSource {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}

interface Page extends EventSource {
  readonly document?: EventSource & { readonly visibilityState: string };
}

/**
 * Watches what a browser tells pages and workers; elsewhere nothing ever calls.
 *
 * @param wake a wait may have become pointless: the page became visible, came back from the
 *   back/forward cache, or the network returned. Timers may have slept meanwhile
 * @param offline the network is gone
 * @returns removes the listeners
 */
function watchPage(wake: () => void, offline: () => void): () => void {
  const page = globalThis as Page;
  const { document } = page;
  const visibilityChanged = () => {
    if (document?.visibilityState === 'visible') wake();
  };
  const listen = (call: 'addEventListener' | 'removeEventListener') => {
    page[call]?.('offline', offline);
    page[call]?.('online', wake);
    page[call]?.('pageshow', wake);
    document?.[call]?.('visibilitychange', visibilityChanged);
  };
  listen('addEventListener');
  return () => listen('removeEventListener');
}
