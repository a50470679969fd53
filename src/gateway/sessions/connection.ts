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
import type { EventFormat } from '../fanout/event-format.ts';
import { NO_MARK, type Pacing } from '../fanout/pacing.ts';
import type { GatewayCounters } from '../metrics/gateway-counters.ts';
import type { Socket } from '../transport/transport.ts';
import type { Client } from './client.ts';

export interface SocketLimits {
  /** Malformed frames after which the connection is closed. */
  readonly badFramesMax: number;
  /** Bytes that may wait in the socket's buffer. */
  readonly socketBufferBytesMax: number;
}

/**
 * A session's socket, with the parts common to both kinds of session: frames in the session's
 * encoding, counters, signs of life, refusal of malformed frames. Sends nothing once closed or
 * closing.
 */
export class Connection {
  readonly encoding: Encoding;
  /** Of a session on an HTTP answer, instead of the encoding. */
  readonly events: EventFormat | undefined;
  readonly remoteAddress: string;
  /** The client; unauthenticated until a token is accepted, if tokens are required. */
  client: Client;
  /** Counts what a subscriber has in flight; undefined: it is not paced. */
  pacing: Pacing | undefined;
  /** Frames sent on this connection. */
  framesSent = 0;
  /**
   * Times are on the clock of `performance.now`, ms: the wall clock may jump, which must not make a
   * peer look silent.
   */
  /** Last send. */
  lastSentAt: number;
  /** Last sign of life of the peer: a message, a pong, or bytes taken from a full buffer. */
  lastLifeAt: number;
  /** Last ping. */
  lastPingAt = Number.NEGATIVE_INFINITY;
  readonly #socket: Socket;
  readonly #limits: SocketLimits;
  readonly #counters: GatewayCounters;
  #badFrames = 0;
  #lastBuffered = 0;
  /** Whether anything was sent since the buffer was last checked. */
  #hasSent = false;
  #isOpen = true;
  readonly #whenClosed: (() => void)[] = [];

  constructor(
    socket: Socket,
    encoding: Encoding,
    client: Client,
    limits: SocketLimits,
    counters: GatewayCounters,
    events?: EventFormat,
  ) {
    this.events = events;
    this.#socket = socket;
    this.encoding = encoding;
    this.client = client;
    this.remoteAddress = socket.remoteAddress;
    this.#limits = limits;
    this.#counters = counters;
    this.lastSentAt = performance.now();
    this.lastLifeAt = this.lastSentAt;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  send(frame: Frame): void {
    if (!this.#isOpen) return;
    if (this.#socket.bufferedAmount() > 2 * this.#limits.socketBufferBytesMax) {
      // Statistics wait outside the socket: only answers fill a buffer this far.
      this.close(CloseCode.UNRESPONSIVE, 'answers to requests are not being read');
      return;
    }
    const message = this.events?.frame(frame) ?? encodeFrame(frame, this.encoding);
    if (message.length > 0) this.sendEncoded(message);
  }

  /**
   * Sends a message that is already in this connection's encoding; the caller has checked that
   * there is space. Its bytes may be reused at once.
   *
   * @param now a reading of `performance.now` that may be some messages old
   */
  sendEncoded(message: Uint8Array | string, now = performance.now()): void {
    if (!this.#isOpen) return;
    this.framesSent++;
    this.lastSentAt = now;
    this.#counters.framesOut++;
    const bytes = typeof message === 'string' ? Buffer.byteLength(message) : message.length;
    this.#counters.bytesOut += bytes;
    this.#hasSent = true;
    const mark = this.pacing?.sent(bytes, this.lastSentAt) ?? NO_MARK;
    if (mark === NO_MARK) {
      this.#socket.send(message);
      return;
    }
    // Both leave in one system call.
    this.#socket.cork(() => {
      this.#socket.send(message);
      this.#ping(mark);
    });
  }

  heartbeat(): void {
    this.send(heartbeatFrame(Date.now(), this.framesSent));
  }

  /** Bytes in the socket's buffer, as of the last check if nothing was sent since. */
  get bufferedBytes(): number {
    return this.#hasSent || this.#lastBuffered > 0 ? this.#socket.bufferedAmount() : 0;
  }

  /** Whether the socket has space for statistics; if not, it should drain first. */
  hasSpace(): boolean {
    return this.#socket.bufferedAmount() <= this.#limits.socketBufferBytesMax / 2;
  }

  /** Runs `work`; its sends may leave in one system call. */
  cork(work: () => void): void {
    if (this.#isOpen) this.#socket.cork(work);
  }

  /** Sends an ERROR frame. Too many malformed frames close the connection. */
  refuse(error: ProtocolError, retryAfterMs: number | null = null): void {
    this.send(errorFrame(error, retryAfterMs));
    if (error.code !== ErrorCode.bad_frame) return;
    this.#counters.badFrames++;
    this.#badFrames++;
    if (this.#badFrames >= this.#limits.badFramesMax) {
      this.close(CloseCode.PROTOCOL_ERROR, `${this.#badFrames} frames could not be read`);
    }
  }

  /**
   * Checks that a message is binary or text, as the session's encoding requires.
   *
   * @throws ProtocolError `bad_frame` if not
   */
  expectEncoding(message: Uint8Array | string): void {
    const isJson = this.encoding === 'json';
    if ((typeof message === 'string') === isJson) return;
    const expected = isJson ? 'text' : 'binary';
    throw new ProtocolError(ErrorCode.bad_frame, `this session takes ${expected} messages`);
  }

  /** Records a sign of life. */
  heard(): void {
    this.lastLifeAt = performance.now();
  }

  /**
   * Counts bytes taken from the buffer since the last check as a sign of life: a slow reader is
   * alive.
   */
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

  /** Whether the pacing lets data be sent now; if not, a pong will tell when. */
  mayStart(now: number): boolean {
    const { pacing } = this;
    if (pacing === undefined || pacing.mayStart(now)) return true;
    if (pacing.isMarkNeeded && this.#isOpen) this.#ping(pacing.mark(now));
    return false;
  }

  /** Takes a pong: the peer has read everything before the mark. */
  answered(mark: number): void {
    this.heard();
    if (mark === NO_MARK) return;
    const roundTripMs = this.pacing?.answered(mark, this.lastLifeAt);
    if (roundTripMs !== undefined) this.#counters.marksAnswered.add(roundTripMs);
  }

  #ping(mark: number): void {
    this.#counters.marksSent++;
    this.#socket.ping(mark);
  }

  close(code: number, reason: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#socket.end(code, reason);
  }

  /** Calls `then` once, after the socket has closed. */
  whenClosed(then: () => void): void {
    this.#whenClosed.push(then);
  }

  /** The socket has closed. */
  closed(): void {
    this.#isOpen = false;
    for (const then of this.#whenClosed.splice(0)) then();
  }
}
