import type { Socket, SocketHandler } from './transport.ts';

/**
 * Calls one socket's handler and enforces its contract: after {@link ended} only `close`, after
 * `close` nothing; a handler that throws costs its own connection (1011) and no other.
 */
export class HandlerCalls {
  readonly #fault: (error: unknown) => void;
  #socket: Socket | null = null;
  #handler: SocketHandler | null = null;
  /** The close code of {@link ended}. */
  #endCode: number | null = null;
  #closed = false;

  constructor(fault: (error: unknown) => void) {
    this.#fault = fault;
  }

  /** Whether the socket can still be used: neither ended nor closed. */
  get live(): boolean {
    return this.#endCode === null && !this.#closed;
  }

  open(socket: Socket, open: (socket: Socket) => SocketHandler): void {
    this.#socket = socket;
    try {
      this.#handler = open(socket);
    } catch (error) {
      this.#fail(error);
    }
  }

  message(data: Uint8Array | string): void {
    if (!this.live) return;
    try {
      this.#handler?.message(data);
    } catch (error) {
      this.#fail(error);
    }
  }

  drain(): void {
    if (!this.live) return;
    try {
      this.#handler?.drain();
    } catch (error) {
      this.#fail(error);
    }
  }

  pong(mark: number): void {
    if (!this.live) return;
    try {
      this.#handler?.pong(mark);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The server ended the socket with `code`, which `close` will report. */
  ended(code: number): void {
    this.#endCode ??= code;
  }

  close(code: number): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#handler?.close(this.#endCode ?? code);
    } catch (error) {
      this.#fault(error);
    }
  }

  #fail(error: unknown): void {
    this.#fault(error);
    this.#socket?.end(1011, 'internal error');
  }
}

/** Time for a peer to answer a close, or to read what was sent before it, ms. */
export const CLOSE_TIMEOUT_MS = 2000;

/** A close frame holds 125 bytes, two of them the code. */
const REASON_BYTES_MAX = 123;

/** The reason, cut between characters to the size of a close frame. */
export function closeReason(reason: string): string {
  if (Buffer.byteLength(reason) <= REASON_BYTES_MAX) return reason;
  let bytes = 0;
  let kept = '';
  for (const character of reason) {
    bytes += Buffer.byteLength(character);
    if (bytes > REASON_BYTES_MAX) break;
    kept += character;
  }
  return kept;
}
