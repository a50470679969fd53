/*
 * The seam between sockets and everything above them. Two implementations, one conformance suite:
 *
 *   uws    uWebSockets.js: native, fast, where its binary loads
 *   node   ws + node:http: everywhere
 *
 * Both run on the main thread's event loop and call handlers one at a time, never from within a
 * call into them.
 */

import type { TlsPair } from './certificate.ts';

/** One WebSocket connection, or one HTTP answer without an end, as the gateway sees it. */
export interface Socket {
  /**
   * Sends one message: bytes as a binary message, a string as a text message. The bytes are copied
   * or written before it returns, so the caller may reuse their buffer. Nothing is dropped: bytes
   * that the kernel does not take are buffered, and {@link bufferedAmount} grows. Does nothing on a
   * closed socket.
   */
  send(message: Uint8Array | string): void;
  /**
   * Bytes accepted by `send` but not yet by the kernel (those of a cork may count when it ends); 0
   * on a closed socket.
   */
  bufferedAmount(): number;
  /** Runs `work`, whose sends may leave in one system call. Runs it on a closed socket, too. */
  cork(work: () => void): void;
  /**
   * A WebSocket ping; the peer's pong arrives at {@link SocketHandler.pong} with the same mark.
   *
   * @param mark an integer from 1 to 2^32 - 1; 0 is none
   */
  ping(mark?: number): void;
  /**
   * Closes with a code and reason after the messages already sent. From then on, only `close` is
   * called on the handler. A peer that does not answer is cut off.
   */
  end(code: number, reason: string): void;
  /** The peer's address, as text. */
  readonly remoteAddress: string;
}

/** The close code of a connection whose peer sent a message that is too large. */
export const MESSAGE_TOO_LARGE = 1009;

/**
 * Receives the events of a socket; implemented by sessions. A method that throws costs its own
 * connection (1011) and is a fault.
 */
export interface SocketHandler {
  /**
   * One message: bytes of a binary message, valid during the call only, or the text of a text
   * message (its UTF-8 was checked by the transport).
   */
  message(data: Uint8Array | string): void;
  /** The socket took bytes that had been buffered. It may have more: check `bufferedAmount`. */
  drain(): void;
  /**
   * The peer answered a ping, so it has read everything before it. It may skip pings and answer
   * later ones only, or send a pong that nothing asked for.
   *
   * @param mark the mark of the ping; 0 if it had none, or for a pong of another form
   */
  pong(mark: number): void;
  /**
   * The connection has closed; this is the last call. `code` is the one passed to {@link
   * Socket.end}, else the peer's (1005: none given), else 1006; {@link MESSAGE_TOO_LARGE} if the
   * peer's message was too large.
   */
  close(code: number): void;
}

/** A WebSocket upgrade or an HTTP request's head. Header names are in lower case. */
export interface RequestHead {
  readonly method: string;
  /** As in the request line, not decoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  header(name: string): string | undefined;
  readonly remoteAddress: string;
}

/**
 * The answer to an upgrade: accept with a subprotocol (empty: none was offered), or refuse with an
 * HTTP answer.
 */
export type UpgradeDecision =
  | {
      readonly accept: true;
      readonly subprotocol: string;
      /** Called once the socket is open. Returns the receiver of all further events. */
      readonly open: (socket: Socket) => SocketHandler;
    }
  | { readonly accept: false; readonly response: HttpResponse };

export interface HttpRequest extends RequestHead {
  /** The whole body; empty if there is none. */
  readonly body: Uint8Array;
  /** Whether the client still waits for the answer: it has not gone. */
  isWanted(): boolean;
}

export interface HttpResponse {
  /** 200 to 599. */
  readonly status: number;
  /** Without content-length, which the transport adds. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  /**
   * For a body without an end: `body` is empty, and what the socket sends follows the head, which
   * leaves with the first message. Its peer sends nothing: `pong` says that the kernel has taken
   * everything before the `ping`.
   */
  readonly stream?: (socket: Socket) => SocketHandler;
}

/** The gateway's side of a transport. */
export interface TransportHandlers {
  /** Decides on an upgrade, synchronously. A throw is answered with 500 and is a fault. */
  upgrade(request: RequestHead): UpgradeDecision;
  /**
   * Answers an HTTP request, now or later. A throw or rejection is answered with 500 and is a
   * fault.
   */
  request(request: HttpRequest): HttpResponse | Promise<HttpResponse>;
  /** Receives errors that no peer caused, for the log. */
  fault(error: unknown): void;
}

export interface TransportOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /**
   * The largest WebSocket message accepted, bytes; a larger one ends its connection (1009, or
   * 1006).
   */
  readonly frameBytesMax: number;
  /** The largest HTTP body accepted, bytes; a larger one is answered with 413. */
  readonly bodyBytesMax: number;
  /**
   * Time for the head of a request to arrive, and for the TLS handshake before it, ms. uws ignores
   * it and always allows 10 s, or 30 s since 20.57.
   */
  readonly headMs: number;
  /**
   * Time that an HTTP connection may idle between requests, ms. uws ignores it and always allows 10
   * s.
   */
  readonly idleMs: number;
  /** Headers of every HTTP answer that does not set them itself; names are in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined: no TLS. */
  readonly tls: TlsPair | undefined;
}

export interface Transport {
  readonly name: 'uws' | 'node';
  /** The port it listens on. */
  readonly port: number;
  /**
   * Sets the certificate of new handshakes; existing connections keep theirs. Only for a transport
   * that was started with TLS and still listens.
   *
   * @throws Error if it cannot be used; the old certificate stays
   */
  renewTls(pair: TlsPair): void;
  /** Accepts no new connections. Existing ones continue. */
  stopListening(): void;
  /** Stops listening, cuts all remaining connections, and frees the port. */
  close(): void;
}

/**
 * Starts a transport.
 *
 * @throws Error if the address cannot be listened on
 */
export type StartTransport = (
  options: TransportOptions,
  handlers: TransportHandlers,
) => Promise<Transport>;
