import type { IncomingMessage } from 'node:http';
import { type RawData, WebSocket } from 'ws';
import type { ReconnectReason } from '../feed-counts.ts';
import type { Trade, Venue, VenueEvent } from '../venue.ts';
import { type ConnectionEnd, type EndCause, failure, refusalOf } from './connection-end.ts';
import { FramePacer, type HourBudget } from './frame-pacer.ts';
import { Liveness } from './liveness.ts';
import { Subscriptions } from './subscriptions.ts';

const HANDSHAKE_MS = 10_000;
/** Longest wait for a close frame before the socket is cut, ms. */
const CLOSE_MS = 2000;
const LOGIN_MS = 10_000;
const MESSAGE_BYTES_MAX = 8 * 1024 * 1024;
const TOO_BIG = 1009;

export interface ConnectionOptions {
  readonly url: string;
  readonly symbols: readonly string[];
  /** Symbols that the venue has refused before. */
  readonly doubtful: ReadonlySet<string>;
  readonly credentials: Credentials | undefined;
  readonly hour: HourBudget;
  readonly timing?: ConnectionTiming | undefined;
}

/** For venues that need them: from the environment, and never logged. */
export interface Credentials {
  readonly key: string;
  readonly secret: string;
}

/** For tests; the defaults are those of the parts. */
export interface ConnectionTiming {
  readonly pingMs?: number;
  readonly silentAfterMs?: number;
  readonly answerMs?: number;
  readonly closeMs?: number;
  /** Between the messages that keep a connection. */
  readonly keepAliveMs?: number;
  /** In the place of what a venue wants to pass before it is asked again. */
  readonly retryMs?: number;
}

export interface ConnectionEvents {
  /** @param receivedAt ms since the Unix epoch */
  trades(trades: readonly Trade[], receivedAt: number): void;
  message(): void;
  malformed(reason: string): void;
  /** Open, and logged in where the venue asks for it. */
  ready(): void;
  /** Every symbol was answered for. */
  settled(): void;
  refused(symbol: string, reason: string): void;
  /** The venue asks for another connection. */
  requested(reason: string): void;
  /** The last event. */
  ended(end: ConnectionEnd): void;
}

/** One WebSocket to a venue: subscribes, keeps alive, reads. Never reconnects. */
export class VenueConnection {
  readonly subscriptions: Subscriptions;
  readonly #venue: Venue;
  readonly #options: ConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #socket: WebSocket;
  readonly #pacer: FramePacer;
  #liveness: Liveness | undefined;
  #keepAlive: NodeJS.Timeout | undefined;
  #loginTimer: NodeJS.Timeout | undefined;
  #closeTimer: NodeJS.Timeout | undefined;
  #openedAt: number | undefined;
  #isReady = false;
  #isPaused = false;
  #isEnded = false;
  /** Why this side ends it. */
  #cause: EndCause | undefined;
  #receivedAt = 0;

  constructor(venue: Venue, options: ConnectionOptions, events: ConnectionEvents) {
    this.#venue = venue;
    this.#options = options;
    this.#events = events;
    const socket = new WebSocket(options.url, {
      handshakeTimeout: HANDSHAKE_MS,
      maxPayload: MESSAGE_BYTES_MAX,
      perMessageDeflate: false,
      followRedirects: false,
    });
    this.#socket = socket;
    this.#pacer = new FramePacer(
      (text) => this.#send(text),
      venue.limits.framesPerSecond,
      options.hour,
    );
    this.subscriptions = new Subscriptions(venue, this.#pacer, events, options.timing);
    socket.on('open', () => this.#open());
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('ping', () => this.#liveness?.noteMessage());
    socket.on('pong', () => this.#liveness?.notePong());
    socket.on('unexpected-response', (_request, response) => this.#refusedUpgrade(response));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', (code, reason) => this.#closed(code, reason.toString()));
  }

  /** Stops reading: the venue then sees a slow reader. */
  pause(): void {
    this.#isPaused = true;
    this.#liveness?.pause();
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#liveness?.resume();
    this.#socket.resume();
  }

  /** Closes it; `ended` comes once the socket is gone. */
  close(reason: ReconnectReason, detail: string): void {
    this.#end(failure(reason, detail));
  }

  #open(): void {
    const { timing, credentials } = this.#options;
    const { greeting = [], keepAlive } = this.#venue;
    const silentAfterMs = timing?.silentAfterMs ?? this.#venue.silentAfterMs;
    this.#openedAt = performance.now();
    this.#liveness = new Liveness(
      { silentAfterMs, ...(timing?.pingMs === undefined ? {} : { pingMs: timing.pingMs }) },
      () => this.#socket.ping(),
      (cause) => this.#cut(cause, cause === 'silent' ? 'no message' : 'no answer to a ping'),
    );
    if (this.#isPaused) this.pause();
    if (keepAlive !== undefined) {
      const { everyMs, text } = keepAlive;
      const send = () => this.#pacer.pushUrgent(text);
      this.#keepAlive = setInterval(send, timing?.keepAliveMs ?? everyMs);
    }
    for (const text of greeting) this.#pacer.push(text);
    const login = credentials && this.#venue.login?.(credentials.key, credentials.secret);
    if (login === undefined) {
      this.#begin();
      return;
    }
    this.#pacer.push(login);
    this.#loginTimer = setTimeout(
      () => this.#end(failure('refused', 'no answer to the login')),
      LOGIN_MS,
    );
  }

  #begin(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    clearTimeout(this.#loginTimer);
    this.#events.ready();
    this.subscriptions.start(this.#options.symbols, this.#options.doubtful);
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#isEnded || this.#cause !== undefined) return;
    this.#liveness?.noteMessage();
    this.#events.message();
    this.#receivedAt = Date.now();
    // One buffer, as `binaryType` is not changed.
    const bytes = data as Buffer;
    const message = isBinary ? bytes : bytes.toString('utf8');
    try {
      this.#venue.parse(message, this.#take);
    } catch (error) {
      this.#events.malformed(error instanceof Error ? error.message : String(error));
    }
  }

  readonly #take = (event: VenueEvent): void => {
    if (this.#isEnded || this.#cause !== undefined) return;
    switch (event.kind) {
      case 'trades':
        for (const { symbol } of event.trades) this.subscriptions.noteTrade(symbol);
        this.#events.trades(event.trades, this.#receivedAt);
        break;
      case 'subscribed':
        this.subscriptions.noteSubscribed(event);
        break;
      case 'refused':
        this.subscriptions.noteRefused(event);
        break;
      case 'authenticated':
        this.#begin();
        break;
      case 'fatal':
        this.#end({
          reason: 'refused',
          detail: event.reason,
          isFinal: event.retryAfterMs === undefined,
          retryAfterMs: this.#options.timing?.retryMs ?? event.retryAfterMs ?? 0,
        });
        break;
      case 'reconnect':
        this.#events.requested(event.reason);
        break;
      case 'reply':
        this.#pacer.pushUrgent(event.text);
        break;
      case 'malformed':
        this.#events.malformed(event.reason);
        break;
      case 'heartbeat':
      case 'ignored':
        break;
    }
  };

  #send(text: string): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(text);
  }

  #refusedUpgrade(response: IncomingMessage): void {
    const { credentials, timing } = this.#options;
    response.destroy();
    this.#cause = refusalOf(response, credentials !== undefined, timing?.retryMs);
    // A socket without an upgrade closes with an error, which the cause explains.
    this.#socket.terminate();
  }

  #fail(error: Error & { code?: string }): void {
    if (this.#cause !== undefined) return;
    const isOversize = error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';
    const reason = isOversize ? 'oversize' : this.#openedAt === undefined ? 'connect' : 'closed';
    this.#cause = failure(reason, error.message);
  }

  #closed(code: number, text: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    clearTimeout(this.#closeTimer);
    this.#stop();
    const reason =
      code === TOO_BIG ? 'oversize' : this.#openedAt === undefined ? 'connect' : 'closed';
    const detail = `closed with ${code}${text === '' ? '' : `: ${text}`}`;
    const cause = this.#cause ?? failure(reason, detail);
    const lastedMs = this.#openedAt === undefined ? 0 : performance.now() - this.#openedAt;
    this.#events.ended({ ...cause, lastedMs });
  }

  /** Ends it in good order. */
  #end(cause: EndCause): void {
    if (this.#cause !== undefined || this.#isEnded) return;
    this.#cause = cause;
    this.#stop();
    // A close frame is seen only by reading.
    this.#socket.resume();
    this.#socket.close();
    const closeMs = this.#options.timing?.closeMs ?? CLOSE_MS;
    this.#closeTimer = setTimeout(() => this.#socket.terminate(), closeMs);
  }

  /** Ends it without a word: the peer does not listen. */
  #cut(reason: ReconnectReason, detail: string): void {
    if (this.#cause !== undefined) return;
    this.#cause = failure(reason, detail);
    this.#socket.terminate();
  }

  #stop(): void {
    this.#pacer.stop();
    this.#liveness?.stop();
    this.subscriptions.stop();
    clearInterval(this.#keepAlive);
    clearTimeout(this.#loginTimer);
  }
}
