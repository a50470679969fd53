import {
  CloseCode,
  type Encoding,
  ErrorCode,
  encodeFrame,
  errorFrame,
  type Frame,
  heartbeatFrame,
  ProtocolError,
} from '../../protocol/index.ts';
import type { GatewayCounters } from '../metrics/gateway-counters.ts';
import type { Socket } from '../transport/transport.ts';
import type { Client } from './client.ts';

export interface ConnectionLimits {
  /** Frames that cannot be read before the connection is closed. */
  readonly badFramesMax: number;
  /** Bytes that may wait in the socket's buffer, statistics and all. */
  readonly socketBufferBytesMax: number;
}

/**
 * A session's socket with what both kinds of session need: frames in the session's encoding, counts of what was sent,
 * signs of life, refusal of bad frames. Sends nothing once it is closed or closing.
 */
export class Connection {
  readonly encoding: Encoding;
  readonly remoteAddress: string;
  /** Whose it is; a stranger's until a token is accepted, where tokens are demanded. */
  client: Client;
  /** Frames sent on this connection. */
  framesSent = 0;
  /*
   * On the clock of `performance.now`, ms: the wall clock may jump, and nobody is silent or gone for that.
   */
  /** When something was last sent. */
  lastSentAt: number;
  /** When the peer last showed life: a message, a pong, or bytes taken from a full buffer. */
  lastLifeAt: number;
  /** When the peer was last pinged. */
  lastPingAt = Number.NEGATIVE_INFINITY;
  readonly #socket: Socket;
  readonly #limits: ConnectionLimits;
  readonly #traffic: GatewayCounters;
  #badFrames = 0;
  #lastBuffered = 0;
  /** Whether something was sent since the last look at the socket's buffer. */
  #hasSent = false;
  #isOpen = true;
  readonly #whenClosed: (() => void)[] = [];

  constructor(
    socket: Socket,
    encoding: Encoding,
    client: Client,
    limits: ConnectionLimits,
    traffic: GatewayCounters,
  ) {
    this.#socket = socket;
    this.encoding = encoding;
    this.client = client;
    this.remoteAddress = socket.remoteAddress;
    this.#limits = limits;
    this.#traffic = traffic;
    this.lastSentAt = performance.now();
    this.lastLifeAt = this.lastSentAt;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  send(frame: Frame): void {
    if (!this.#isOpen) return;
    if (this.#socket.bufferedAmount() > 2 * this.#limits.socketBufferBytesMax) {
      // Statistics wait outside the socket, so only answers that nobody reads get a buffer this full.
      this.close(CloseCode.UNRESPONSIVE, 'the answers to your requests are not being read');
      return;
    }
    this.sendEncoded(encodeFrame(frame, this.encoding));
  }

  /**
   * Sends statistics that are encoded already, in this connection's encoding; the caller has seen that there is room. The
   * bytes may be used again at once.
   */
  sendEncoded(message: Uint8Array | string): void {
    if (!this.#isOpen) return;
    this.framesSent++;
    this.lastSentAt = performance.now();
    this.#traffic.framesOut++;
    this.#traffic.bytesOut +=
      typeof message === 'string' ? Buffer.byteLength(message) : message.length;
    this.#hasSent = true;
    this.#socket.send(message);
  }

  heartbeat(): void {
    this.send(heartbeatFrame(Date.now(), this.framesSent));
  }

  /** What waits in the socket's buffer; as far as the last look knows, where nothing was sent since. */
  get bufferedBytes(): number {
    return this.#hasSent || this.#lastBuffered > 0 ? this.#socket.bufferedAmount() : 0;
  }

  /** Whether the socket takes statistics now, or is to be left to drain first. */
  hasRoom(): boolean {
    return this.#socket.bufferedAmount() <= this.#limits.socketBufferBytesMax / 2;
  }

  /** Runs `work`, whose sends may leave in one system call. */
  cork(work: () => void): void {
    if (this.#isOpen) this.#socket.cork(work);
  }

  /** Tells the peer of its error; too many frames that cannot be read end the connection. */
  refuse(error: ProtocolError, retryAfterMs: number | null = null): void {
    this.send(errorFrame(error, retryAfterMs));
    if (error.code !== ErrorCode.bad_frame) return;
    this.#traffic.badFrames++;
    this.#badFrames++;
    if (this.#badFrames >= this.#limits.badFramesMax) {
      this.close(CloseCode.PROTOCOL_ERROR, `${this.#badFrames} frames could not be read`);
    }
  }

  /**
   * Checks that a message is of the kind that the session's encoding goes in.
   *
   * @throws ProtocolError `bad_frame` when it is not
   */
  expectEncoding(message: Uint8Array | string): void {
    const isJson = this.encoding === 'json';
    if ((typeof message === 'string') === isJson) return;
    const expected = isJson ? 'text' : 'binary';
    throw new ProtocolError(ErrorCode.bad_frame, `this session takes ${expected} messages`);
  }

  /** Notes a sign of life. */
  heard(): void {
    this.lastLifeAt = performance.now();
  }

  /** Looks whether the peer took buffered bytes since the last look: a slow reader lives. */
  checkProgress(now: number): void {
    // An idle session costs no call into native code.
    if (!this.#hasSent && this.#lastBuffered === 0) return;
    this.#hasSent = false;
    const buffered = this.#socket.bufferedAmount();
    if (buffered < this.#lastBuffered) this.lastLifeAt = now;
    this.#lastBuffered = buffered;
  }

  ping(now: number): void {
    if (!this.#isOpen) return;
    this.lastPingAt = now;
    this.#hasSent = true;
    this.#socket.ping();
  }

  close(code: number, reason: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#socket.end(code, reason);
  }

  /** Has `then` called once, when the socket is gone. */
  whenClosed(then: () => void): void {
    this.#whenClosed.push(then);
  }

  /** The transport says that the socket is gone. */
  closed(): void {
    this.#isOpen = false;
    for (const then of this.#whenClosed.splice(0)) then();
  }
}
