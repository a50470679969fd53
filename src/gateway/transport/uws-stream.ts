import { CLOSE_TIMEOUT_MS, HandlerCalls } from './handler-calls.ts';
import type { Socket, SocketHandler } from './transport.ts';
import type { UwsResponse } from './uws-api.ts';

/**
 * The endless body of an HTTP answer of uWebSockets.js, whose head has been written. The native
 * response must not be used after its end, so the pointer to it is dropped then.
 */
export class UwsStream implements Socket {
  readonly remoteAddress: string;
  readonly #calls: HandlerCalls;
  #response: UwsResponse | undefined;
  /** Bytes sent since one was buffered: uWebSockets.js does not say how many are left. */
  #buffered = 0;
  #isCorked = false;
  #isEnding = false;
  #cutOff: NodeJS.Timeout | undefined;

  constructor(response: UwsResponse, remoteAddress: string, fault: (error: unknown) => void) {
    this.#response = response;
    this.remoteAddress = remoteAddress;
    this.#calls = new HandlerCalls(fault);
  }

  /** Joins the stream and its handler. */
  open(open: (socket: Socket) => SocketHandler): void {
    this.#response?.onWritable(() => {
      this.#buffered = 0;
      if (this.#isEnding) this.#finish();
      else this.#calls.drain();
      return true;
    });
    this.#calls.open(this, open);
  }

  send(message: Uint8Array | string): void {
    if (this.#response === undefined || !this.#calls.live) return;
    this.cork(() => {
      if (this.#response?.write(message) !== false) return;
      this.#buffered +=
        typeof message === 'string' ? Buffer.byteLength(message) : message.byteLength;
    });
  }

  bufferedAmount(): number {
    return this.#response === undefined || !this.#calls.live ? 0 : this.#buffered;
  }

  cork(work: () => void): void {
    if (this.#response === undefined || this.#isCorked) {
      work();
      return;
    }
    // A throw must not pass through native code.
    let failure: { readonly error: unknown } | undefined;
    this.#isCorked = true;
    this.#response.cork(() => {
      try {
        work();
      } catch (error) {
        failure = { error };
      }
    });
    this.#isCorked = false;
    if (this.#isEnding) this.#finish();
    if (failure !== undefined) throw failure.error;
  }

  ping(mark = 0): void {
    if (this.bufferedAmount() === 0) setImmediate(() => this.#calls.pong(mark));
  }

  end(code: number): void {
    if (this.#response === undefined || !this.#calls.live) return;
    this.#calls.ended(code);
    this.#isEnding = true;
    if (!this.#isCorked) this.#finish();
  }

  /** The peer is gone, or the connection was cut. */
  aborted(): void {
    this.#closed();
  }

  /** Ends the body once the kernel has everything that was sent; cuts off who does not read. */
  #finish(): void {
    const response = this.#response;
    if (response === undefined) return;
    if (this.#buffered > 0) {
      this.#cutOff ??= setTimeout(() => this.#response?.close(), CLOSE_TIMEOUT_MS);
      return;
    }
    // Not with a close of the connection: its header would stand in the middle of the body.
    response.cork(() => response.end());
    this.#closed();
  }

  #closed(): void {
    this.#response = undefined;
    clearTimeout(this.#cutOff);
    // May be called from within a call of ours: calls the handler after it has returned.
    queueMicrotask(() => this.#calls.close(1006));
  }
}
