import type { Socket as TcpSocket } from 'node:net';
import type { WebSocket } from 'ws';
import { closeReason, HandlerCalls } from './handler-calls.ts';
import { markOf, markPayload } from './ping-mark.ts';
import { MESSAGE_TOO_LARGE, type Socket, type SocketHandler } from './transport.ts';

/** Code of `ws` for a message larger than `maxPayload`. */
const TOO_LARGE_ERROR = 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';

/** A WebSocket of `ws`. */
export class NodeSocket implements Socket {
  readonly remoteAddress: string;
  readonly #ws: WebSocket;
  readonly #tcp: TcpSocket;
  readonly #calls: HandlerCalls;
  #corks = 0;
  /** Whether bytes stayed in the process after a send: their departure is a drain. */
  #behind = false;

  constructor(
    ws: WebSocket,
    tcp: TcpSocket,
    remoteAddress: string,
    fault: (error: unknown) => void,
  ) {
    this.#ws = ws;
    this.#tcp = tcp;
    this.remoteAddress = remoteAddress;
    this.#calls = new HandlerCalls(fault);
  }

  /** Joins the socket and its handler. */
  open(open: (socket: Socket) => SocketHandler): void {
    this.#ws.on('message', (data: Buffer, isBinary: boolean) => {
      this.#calls.message(isBinary ? plainBytes(data) : data.toString());
    });
    this.#ws.on('pong', (payload: Buffer) => this.#calls.pong(markOf(payload)));
    this.#ws.on('close', (code) => this.#calls.close(code));
    // A peer's fault: `ws` closes with the fitting code, and `close` follows.
    this.#ws.on('error', (error) => {
      if ('code' in error && error.code === TOO_LARGE_ERROR) this.#calls.ended(MESSAGE_TOO_LARGE);
    });
    this.#calls.open(this, open);
  }

  send(message: Uint8Array | string): void {
    if (!this.#usable()) return;
    // Node keeps a reference to bytes that the kernel does not take at once: copy them.
    this.#ws.send(typeof message === 'string' ? message : Buffer.from(message), this.#written);
    if (this.#corks === 0) this.#noteBacklog();
  }

  bufferedAmount(): number {
    return this.#usable() ? this.#ws.bufferedAmount : 0;
  }

  cork(work: () => void): void {
    this.#corks++;
    this.#tcp.cork();
    try {
      work();
    } finally {
      this.#tcp.uncork();
      this.#corks--;
      if (this.#corks === 0 && this.#usable()) this.#noteBacklog();
    }
  }

  ping(mark = 0): void {
    if (this.#usable()) this.#ws.ping(mark === 0 ? undefined : Buffer.from(markPayload(mark)));
  }

  end(code: number, reason: string): void {
    if (!this.#calls.live) return;
    this.#calls.ended(code);
    // `ws` cuts off a peer that does not answer; see `closeTimeout` in the transport.
    this.#ws.close(code, closeReason(reason));
  }

  #usable(): boolean {
    return this.#calls.live && this.#ws.readyState === this.#ws.OPEN;
  }

  #noteBacklog(): void {
    if (this.#ws.bufferedAmount > 0) this.#behind = true;
  }

  /**
   * Called when the kernel has taken a send's bytes. The `drain` of streams would ignore small
   * backlogs.
   */
  readonly #written = (): void => {
    if (!this.#behind || !this.#usable()) return;
    this.#behind = this.#ws.bufferedAmount > 0;
    this.#calls.drain();
  };
}

/**
 * The bytes as a plain Uint8Array: the `slice` of a Buffer does not copy, and readers may rely on a
 * copy.
 */
export function plainBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
