import {
  type Encoding,
  type ErrorCode,
  type Frame,
  Op,
  PROTOCOL_ERROR,
  ProtocolError,
  type PublishWelcomeInfo,
  readWelcome,
  SUBPROTOCOL_BINARY,
  SUBPROTOCOL_JSON,
  type WelcomeInfo,
} from '../../../src/protocol/index.ts';
import { type ClientFrame, decodeServerFrame, encodeClientFrame } from './frame-codec.ts';
import { Liveness } from './liveness.ts';
import type { SocketLike, WebSocketConstructor } from './web-socket.ts';

/** Content of `WELCOME`. The publisher's part is present on `/v1/publish` only. */
export type Welcome = WelcomeInfo & Partial<PublishWelcomeInfo>;

export interface ConnectionOptions {
  readonly WebSocket: WebSocketConstructor;
  readonly encoding: Encoding;
  /** Sent as a subprotocol entry, which every platform allows; undefined: none. */
  readonly token: string | undefined;
  /** Timeout for `WELCOME`, ms. */
  readonly connectTimeoutMs: number;
}

/** How a connection ended. */
export interface Closure {
  /** The WebSocket close code; 1006 without a close frame. */
  readonly code: number;
  /** The reason given by the closing side or the platform; may be empty. */
  readonly reason: string;
}

/** Callbacks of a connection. */
export interface ConnectionListener {
  /** The session is authorized. Called once, before any frame but ERROR and GOAWAY. */
  welcome(info: Welcome): void;
  /**
   * Any frame but `WELCOME` and `HEARTBEAT`. May throw if the frame does not have the shape of its
   * op; that ends the connection.
   */
  frame(frame: Frame): void;
  /** The connection is gone or was never established. Called once, as the last callback. */
  closed(closure: Closure): void;
}

/** What a server may send to a session that it refuses, for good or for now. */
const MAY_PRECEDE_WELCOME: ReadonlySet<number> = new Set([Op.ERROR, Op.GOAWAY]);
/** The close code without a close frame. */
export const ABNORMAL_CLOSURE = 1006;
const CLOSE_TIMEOUT_MS = 2000;
/** The longest delay of a timer, ms: a longer one fires at once. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

/** One WebSocket to the server: frames, liveness, counters. Never reconnects. */
export class Connection {
  /** Frames and bytes received so far, heartbeats included. */
  framesReceived = 0;
  bytesReceived = 0;
  readonly #socket: SocketLike;
  readonly #encoding: Encoding;
  readonly #listener: ConnectionListener;
  #liveness: Liveness | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  #lastError = '';

  /** @throws DOMException (SyntaxError or SecurityError) if the platform refuses the URL */
  constructor(url: string, options: ConnectionOptions, listener: ConnectionListener) {
    const { WebSocket, encoding, token, connectTimeoutMs } = options;
    this.#encoding = encoding;
    this.#listener = listener;
    const protocols = [encoding === 'json' ? SUBPROTOCOL_JSON : SUBPROTOCOL_BINARY];
    if (token !== undefined) protocols.push(`bearer.${token}`);
    const socket = new WebSocket(url, protocols);
    this.#socket = socket;
    if (socket.binaryType === 'blob') socket.binaryType = 'arraybuffer';
    socket.onmessage = (event) => this.#receive(event.data as ArrayBuffer | Uint8Array | string);
    socket.onerror = (event) => {
      this.#lastError = event.message ?? '';
      // The WebSocket of Node 22 leaves it at that: `onclose` does not follow.
      if (socket.readyState === 0) this.#end(ABNORMAL_CLOSURE, '');
    };
    socket.onclose = (event) => this.#end(event.code, event.reason);
    const timeoutMs = Math.min(connectTimeoutMs, TIMER_MS_MAX);
    this.#timer = setTimeout(() => this.abort('no WELCOME in time'), timeoutMs);
  }

  /** Bytes given to the socket but not yet to the network. */
  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  send(frame: ClientFrame): void {
    this.sendEncoded(encodeClientFrame(frame, this.#encoding));
  }

  /** Sends an encoded frame. The socket may keep the bytes: do not change them. */
  sendEncoded(message: Uint8Array<ArrayBuffer> | string): void {
    if (!this.#isClosed) this.#socket.send(message);
  }

  /**
   * Stops reading if the socket can: the server then sees a slow reader. Liveness is not checked
   * meanwhile.
   */
  pause(): void {
    this.#liveness?.pause();
    this.#socket.pause?.();
  }

  resume(): void {
    this.#liveness?.resume();
    this.#socket.resume?.();
  }

  /** Checks within one heartbeat whether the connection still works. */
  probe(): void {
    this.#liveness?.probe();
  }

  /** Closes the connection and ignores further frames. `closed` follows within two seconds. */
  close(code = 1000, reason = ''): void {
    if (this.#isClosed) return;
    this.resume();
    this.#liveness?.stop();
    clearTimeout(this.#timer);
    this.#socket.onmessage = null;
    this.#socket.close(code, reason);
    this.#timer = setTimeout(() => this.abort('no answer'), CLOSE_TIMEOUT_MS);
  }

  /** Drops the connection at once. */
  abort(reason: string): void {
    if (this.#isClosed) return;
    // First: some sockets call `onclose`, without the reason, before close() returns.
    this.#end(ABNORMAL_CLOSURE, reason);
    if (this.#socket.terminate) this.#socket.terminate();
    else this.#socket.close();
  }

  /** Drops the connection because the server broke the protocol, and reports that to the server. */
  breakOff(reason: string): void {
    if (this.#isClosed) return;
    this.#end(ABNORMAL_CLOSURE, reason);
    this.#socket.close(PROTOCOL_ERROR, 'protocol error');
    // A server that broke the protocol may not answer the close frame either: do not wait for it.
    this.#socket.terminate?.();
  }

  #receive(message: ArrayBuffer | Uint8Array | string): void {
    if (this.#isClosed) return;
    let frame: Frame;
    try {
      frame = decodeServerFrame(message);
    } catch (error) {
      this.breakOff(`unreadable frame: ${(error as Error).message}`);
      return;
    }
    this.#liveness?.note();
    this.bytesReceived += typeof message === 'string' ? message.length : message.byteLength;
    const framesBefore = this.framesReceived++;
    try {
      this.#dispatch(frame, framesBefore);
    } catch (error) {
      this.breakOff(`frame of op ${frame[0]} cannot be read: ${(error as Error).message}`);
    }
  }

  #dispatch(frame: Frame, framesBefore: number): void {
    const isWelcomed = this.#liveness !== undefined;
    if (frame[0] === Op.WELCOME) this.#welcome(readWelcome(frame));
    else if (frame[0] === Op.HEARTBEAT) this.#compare(frame[2] as number, framesBefore);
    else if (isWelcomed || MAY_PRECEDE_WELCOME.has(frame[0])) this.#listener.frame(frame);
    else this.breakOff(`frame of op ${frame[0]} before WELCOME`);
  }

  #welcome(info: Welcome): void {
    if (this.#liveness !== undefined) return;
    clearTimeout(this.#timer);
    this.#liveness = new Liveness(
      info.heartbeatMs,
      () => this.send([Op.PING, performance.now()]),
      () => this.abort('no frame for 2.5 heartbeats'),
    );
    this.#listener.welcome(info);
  }

  // A WebSocket loses nothing. If the counts differ, something in between lost or added frames.
  #compare(framesSent: number, framesReceived: number): void {
    if (framesSent !== framesReceived) {
      this.breakOff(`the server sent ${framesSent} frames, ${framesReceived} arrived`);
    }
  }

  #end(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#liveness?.stop();
    const socket = this.#socket;
    socket.onmessage = null;
    socket.onclose = null;
    // Errors of a dropped socket do not matter, but `ws` throws those without a listener.
    socket.onerror = () => undefined;
    this.#listener.closed({ code, reason: reason || this.#lastError });
  }
}

/**
 * `connecting`: no session has been open yet. `live`: a session is open. `reconnecting`: it was
 * lost, and the client is trying another one. `closed`: for good.
 */
export type ConnectionState = 'connecting' | 'live' | 'reconnecting' | 'closed';

/** A change of state, or another failed attempt to connect. */
export interface StateChange {
  /** The state from now on. */
  readonly state: ConnectionState;
  /** The previous state; the same after another failed attempt. */
  readonly previous: ConnectionState;
  /** How the connection ended, if one did. */
  readonly closure?: Closure;
  /** Time until the next attempt, ms, if there will be one. */
  readonly retryInMs?: number;
}

/** An error that the server sent. */
export class ServerError extends ProtocolError {
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** Time to wait before another attempt, ms; undefined if the server does not say. */
  readonly retryAfterMs: number | undefined;

  /** From an `ERROR` frame. */
  constructor([, requestId, code, message, retryable, retryAfterMs]: Frame) {
    const id = typeof requestId === 'number' ? requestId : null;
    super(code as ErrorCode, String(message), id);
    this.retryable = retryable === true;
    this.retryAfterMs = typeof retryAfterMs === 'number' ? retryAfterMs : undefined;
  }
}
