import { CLOSE_TIMEOUT_MS, closeReason, HandlerCalls } from './handler-calls.ts';
import { markOf, markPayload } from './ping-mark.ts';
import { MESSAGE_TOO_LARGE, type Socket, type SocketHandler } from './transport.ts';
import type { UwsWebSocket } from './uws-api.ts';

/**
 * User data of the native socket. A wrapper, because some versions copy its properties instead of
 * keeping the object.
 */
export interface UwsUserData {
  readonly socket: UwsSocket;
}

/** Results of `send`: the kernel has it all; it was dropped. */
const SENT = 1;
const DROPPED = 2;

/** Close reason of uWebSockets.js for a message larger than `maxPayloadLength`. */
const TOO_LARGE_REASON = 'Received too big message';

/**
 * A WebSocket of uWebSockets.js. The native socket throws if used after its end, so the pointer to
 * it is dropped as soon as it closes.
 */
export class UwsSocket implements Socket {
  readonly remoteAddress: string;
  readonly #calls: HandlerCalls;
  readonly #fault: (error: unknown) => void;
  /** Null once called, which releases what it refers to. */
  #open: ((socket: Socket) => SocketHandler) | null;
  #ws: UwsWebSocket<UwsUserData> | null = null;
  #corked = false;
  /** Within a call from uWebSockets.js, which corks by itself. */
  #isCalled = false;
  /**
   * Whether the native buffer may hold something: only then it is asked, which costs 0.2 µs. False
   * if all that was sent since it was last seen empty went to the kernel at once; what is sent
   * under a cork goes there later, or stays.
   */
  #mayHold = false;
  #end: { readonly code: number; readonly reason: string } | null = null;
  #cutOff: NodeJS.Timeout | undefined;

  constructor(
    remoteAddress: string,
    open: (socket: Socket) => SocketHandler,
    fault: (error: unknown) => void,
  ) {
    this.remoteAddress = remoteAddress;
    this.#open = open;
    this.#fault = fault;
    this.#calls = new HandlerCalls(fault);
  }

  send(message: Uint8Array | string): void {
    if (this.#ws === null || !this.#calls.live) return;
    const result = this.#ws.send(message, typeof message !== 'string');
    if (result !== SENT) this.#mayHold = true;
    if (result === DROPPED) this.#dropped();
  }

  bufferedAmount(): number {
    if (!this.#mayHold || this.#ws === null || !this.#calls.live) return 0;
    const bytes = this.#ws.getBufferedAmount();
    this.#mayHold = bytes > 0 || this.#corked || this.#isCalled;
    return bytes;
  }

  cork(work: () => void): void {
    if (this.#ws === null || this.#corked) {
      work();
      return;
    }
    // A throw must not pass through native code.
    let failure: { readonly error: unknown } | undefined;
    this.#corked = true;
    this.#mayHold = true;
    this.#ws.cork(() => {
      try {
        work();
      } catch (error) {
        failure = { error };
      }
    });
    this.#corked = false;
    if (this.#end !== null) this.#endOnceEmpty();
    if (failure !== undefined) throw failure.error;
  }

  ping(mark = 0): void {
    if (this.#ws === null || !this.#calls.live) return;
    const result = mark === 0 ? this.#ws.ping() : this.#ws.ping(markPayload(mark));
    if (result !== SENT) this.#mayHold = true;
  }

  end(code: number, reason: string): void {
    if (this.#ws === null || !this.#calls.live) return;
    this.#calls.ended(code);
    this.#end = { code, reason: closeReason(reason) };
    // uWebSockets.js sends no FIN after an `end` within its cork.
    if (!this.#corked) this.#endOnceEmpty();
  }

  opened(ws: UwsWebSocket<UwsUserData>): void {
    this.#ws = ws;
    this.#enter();
    if (this.#open !== null) this.#calls.open(this, this.#open);
    this.#open = null;
    this.#isCalled = false;
  }

  received(data: ArrayBuffer, isBinary: boolean): void {
    this.#enter();
    this.#calls.message(isBinary ? new Uint8Array(data) : Buffer.from(data).toString());
    this.#isCalled = false;
  }

  drained(): void {
    this.#enter();
    if (this.#end === null) this.#calls.drain();
    else this.#endOnceEmpty();
    this.#isCalled = false;
  }

  ponged(payload: ArrayBuffer): void {
    this.#enter();
    this.#calls.pong(payload.byteLength === 0 ? 0 : markOf(new Uint8Array(payload)));
    this.#isCalled = false;
  }

  closed(code: number, reason: ArrayBuffer): void {
    this.#ws = null;
    clearTimeout(this.#cutOff);
    const isTooLarge = Buffer.from(reason).toString() === TOO_LARGE_REASON;
    // Often called from within `end`: calls the handler after the caller has returned.
    queueMicrotask(() => this.#calls.close(isTooLarge ? MESSAGE_TOO_LARGE : code));
  }

  #enter(): void {
    this.#isCalled = true;
    this.#mayHold = true;
  }

  /**
   * Ends the socket once the kernel has everything that was sent. Earlier, uWebSockets.js would
   * take the socket from us, and a peer that reads a little now and then would keep it for ever.
   * (Afterwards, it cuts off a silent peer itself, within 4 seconds.)
   */
  #endOnceEmpty(): void {
    const ws = this.#ws;
    if (ws === null || this.#end === null) return;
    if (ws.getBufferedAmount() === 0) ws.end(this.#end.code, this.#end.reason);
    else this.#cutOff ??= setTimeout(() => this.#ws?.close(), CLOSE_TIMEOUT_MS);
  }

  /**
   * Cannot happen with an unlimited buffer; a gap in the stream would be worse than a lost
   * connection.
   */
  #dropped(): void {
    this.#fault(new Error('uWebSockets.js dropped a message; the connection is cut'));
    this.#calls.ended(1006);
    setImmediate(() => this.#ws?.close());
  }
}
