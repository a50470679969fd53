import {
  CloseCode,
  decodeFrame,
  type Encoding,
  encodeFrame,
  type Frame,
  Op,
  type PublishWelcomeInfo,
  readWelcome,
  SUBPROTOCOL_BINARY,
  SUBPROTOCOL_JSON,
  type WelcomeInfo,
} from '../../src/protocol/index.ts';
import type { OpenSocket, SocketLike } from './socket.ts';

/** What `WELCOME` said: the publisher's part is there on `/v1/publish` only. */
export type Welcome = WelcomeInfo & Partial<PublishWelcomeInfo>;

export interface ConnectionOptions {
  readonly encoding: Encoding;
  /** Sent as a subprotocol entry, which every platform allows; undefined: none. */
  readonly token: string | undefined;
  readonly openSocket: OpenSocket;
  /** Longest wait for `WELCOME`, ms. */
  readonly connectTimeoutMs: number;
}

/** How a connection ended. */
export interface Closure {
  /** The WebSocket close code; 1006 where no close frame came. */
  readonly code: number;
  readonly reason: string;
}

/** The error of whoever still waited for something on a connection that ended. */
export function closureError({ code, reason }: Closure): Error {
  return new Error(`connection closed (${code}) ${reason}`.trimEnd());
}

/** What a connection tells its owner. */
export interface ConnectionListener {
  /** The session is authorized; comes once, before any frame. */
  welcome(info: Welcome): void;
  /** Any frame but `WELCOME` and `HEARTBEAT`. */
  frame(frame: Frame): void;
  /** The connection is gone, or never came to be; comes once, and nothing after it. */
  closed(closure: Closure): void;
}

/** Silence is counted in half heartbeats: five of them make the 2.5 heartbeats of the protocol. */
const SILENT_CHECKS_MAX = 5;
const CLOSE_TIMEOUT_MS = 2000;

/**
 * One WebSocket to the server, from the first byte to the last: frames, liveness, counters. Never
 * reconnects.
 */
export class Connection {
  /** Frames and bytes received so far, heartbeats included. */
  framesReceived = 0;
  bytesReceived = 0;
  /** Frames that the server counted and this end did not see: anything but 0 is a fault. */
  framesMissed = 0;
  readonly #socket: SocketLike;
  readonly #encoding: Encoding;
  readonly #listener: ConnectionListener;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #silentChecks = 0;
  #heartbeatMs = 0;
  #isWelcome = false;
  #isPaused = false;
  #isClosed = false;
  #lastError = '';

  constructor(url: string, options: ConnectionOptions, listener: ConnectionListener) {
    const { encoding, token, openSocket, connectTimeoutMs } = options;
    this.#encoding = encoding;
    this.#listener = listener;
    const subprotocols = [encoding === 'json' ? SUBPROTOCOL_JSON : SUBPROTOCOL_BINARY];
    if (token !== undefined) subprotocols.push(`bearer.${token}`);
    this.#socket = openSocket(url, subprotocols);
    this.#socket.onmessage = (event) => this.#receive(event.data);
    this.#socket.onerror = (event) => {
      this.#lastError = event.message ?? '';
    };
    this.#socket.onclose = (event) => this.#end(event.code, event.reason);
    this.#timer = setTimeout(() => this.abort('no WELCOME in time'), connectTimeoutMs);
  }

  /** Bytes handed to the socket but not yet to the network. */
  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  send(frame: Frame): void {
    this.sendEncoded(encodeFrame(frame, this.#encoding));
  }

  /** Sends a frame that was encoded before. The socket may keep the bytes: do not change them. */
  sendEncoded(message: Uint8Array | string): void {
    if (!this.#isClosed) this.#socket.send(message);
  }

  /**
   * Stops reading, where the socket can: the server then feels a slow reader. Liveness is not
   * judged meanwhile.
   */
  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause?.();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#silentChecks = 0;
    this.#socket.resume?.();
  }

  /** Says goodbye; `closed` follows, at the latest after two seconds. */
  close(code = 1000, reason = ''): void {
    if (this.#isClosed) return;
    this.resume();
    this.#socket.close(code, reason);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.abort('no answer to the close'), CLOSE_TIMEOUT_MS);
  }

  /** Gives the connection up at once. */
  abort(reason: string): void {
    if (this.#isClosed) return;
    if (this.#socket.terminate) this.#socket.terminate();
    else this.#socket.close();
    this.#end(1006, reason);
  }

  /** Ends the connection because the server broke the protocol. */
  fault(error: Error): void {
    if (this.#isClosed) return;
    this.#socket.close(CloseCode.PROTOCOL_ERROR, 'protocol error');
    this.#end(CloseCode.PROTOCOL_ERROR, error.message);
  }

  #receive(data: unknown): void {
    if (this.#isClosed) return;
    const message = data instanceof ArrayBuffer ? new Uint8Array(data) : (data as Uint8Array);
    let frame: Frame;
    try {
      frame = decodeFrame(message);
    } catch (error) {
      this.fault(error as Error);
      return;
    }
    this.#silentChecks = 0;
    this.bytesReceived += message.length;
    const framesBefore = this.framesReceived++;
    if (frame[0] === Op.WELCOME) this.#welcome(readWelcome(frame));
    else if (frame[0] !== Op.HEARTBEAT) this.#listener.frame(frame);
    else this.framesMissed = (frame[2] as number) - framesBefore;
  }

  #welcome(info: Welcome): void {
    if (this.#isWelcome) return;
    this.#isWelcome = true;
    clearTimeout(this.#timer);
    this.#heartbeatMs = info.heartbeatMs;
    this.#scheduleCheck();
    this.#listener.welcome(info);
  }

  #scheduleCheck(): void {
    this.#timer = setTimeout(() => this.#checkLiveness(), this.#heartbeatMs / 2);
  }

  // Checks are counted, the clock is not read: an event loop that stalled is not mistaken for a
  // silent server.
  #checkLiveness(): void {
    if (!this.#isPaused) this.#silentChecks++;
    if (this.#silentChecks >= SILENT_CHECKS_MAX) this.abort('no frame for 2.5 heartbeats');
    else this.#scheduleCheck();
  }

  #end(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#listener.closed({ code, reason: reason || this.#lastError });
  }
}
