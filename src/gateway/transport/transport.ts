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

/** One WebSocket connection, as the gateway sees it. */
export interface Socket {
  /**
   * Sends one message: bytes as a binary message, a string as a text message. The bytes are copied
   * or written before it returns, so the caller may use their buffer again. Nothing is ever
   * dropped: what the kernel does not take is buffered, and {@link bufferedAmount} grows. On a
   * closed socket: does nothing.
   */
  send(message: Uint8Array | string): void;
  /**
   * Bytes accepted by `send` but not yet by the kernel (those of a cork may count when it ends); 0
   * on a closed socket.
   */
  bufferedAmount(): number;
  /**
   * Runs `work`, whose sends may leave in one system call. On a closed socket: runs it all the
   * same.
   */
  cork(work: () => void): void;
  /** A WebSocket ping; the peer's pong arrives at {@link SocketHandler.pong}. */
  ping(): void;
  /**
   * Closes with a code and reason after what was sent; from here on the handler hears of `close`
   * only. A peer that does not answer is cut off.
   */
  end(code: number, reason: string): void;
  /** The peer's address, as text. */
  readonly remoteAddress: string;
}

/** The close code of a connection whose peer sent a message larger than is taken. */
export const MESSAGE_TOO_LARGE = 1009;

/**
 * What a session implements: told of everything that happens on its socket. A method that throws
 * costs its own connection (1011) and is a fault.
 */
export interface SocketHandler {
  /**
   * One message: bytes of a binary message, valid during the call only, or the text of a text
   * message (its UTF-8 was checked by the transport).
   */
  message(data: Uint8Array | string): void;
  /** The socket took bytes that had been buffered. It may have more: check `bufferedAmount`. */
  drain(): void;
  pong(): void;
  /**
   * The connection has closed. `code` is the one it was ended with here, else the peer's (1005: it
   * gave none), else 1006; {@link MESSAGE_TOO_LARGE} if its message was too large. This is the last
   * call.
   */
  close(code: number): void;
}

/** A WebSocket upgrade or an HTTP request's head. Header names are in lower case. */
export interface RequestHead {
  readonly method: string;
  /** Decoded by nobody: as it stands in the request line, without the query. */
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
      /** Called once the socket is open; what it returns hears of everything after. */
      readonly open: (socket: Socket) => SocketHandler;
    }
  | { readonly accept: false; readonly response: HttpResponse };

export interface HttpRequest extends RequestHead {
  /** The whole body; empty where there was none. */
  readonly body: Uint8Array;
}

export interface HttpResponse {
  /** 200 to 599. */
  readonly status: number;
  /** Without content-length, which the transport adds. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** What the gateway gives a transport. */
export interface TransportHandlers {
  /** Decides on an upgrade, at once. A throw is answered with 500 and is a fault. */
  upgrade(request: RequestHead): UpgradeDecision;
  /**
   * Answers an HTTP request, at once or later. A throw or rejection is answered with 500 and is a
   * fault.
   */
  request(request: HttpRequest): HttpResponse | Promise<HttpResponse>;
  /** Something went wrong that no peer can be told of: for the log. */
  fault(error: unknown): void;
}

export interface TransportOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /**
   * The largest WebSocket message taken, bytes; a larger one ends its connection (1009, or 1006).
   */
  readonly frameBytesMax: number;
  /** The largest HTTP body taken, bytes; a larger one is answered with 413. */
  readonly bodyBytesMax: number;
  /**
   * How long the head of a request may take to arrive, ms, and the handshake of TLS before it. uws
   * has 10 seconds for it, whatever stands here.
   */
  readonly headMs: number;
  /** How long an HTTP connection may idle between requests, ms. uws has 10 seconds for this too. */
  readonly idleMs: number;
  /** What every HTTP answer says that does not say otherwise itself; names are in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined: without TLS. */
  readonly tls: TlsPair | undefined;
}

export interface Transport {
  readonly name: 'uws' | 'node';
  /** Where it listens. */
  readonly port: number;
  /**
   * New handshakes get this certificate; connections that exist go on with what they have. Only for
   * a transport that was started with one and still listens.
   *
   * @throws Error when it does not work out; the certificate stays what it was
   */
  renewTls(pair: TlsPair): void;
  /** Takes no new connections; those there are go on. */
  stopListening(): void;
  /** Stops listening, cuts every connection that is left, and frees the port. */
  close(): void;
}

/**
 * Starts a transport.
 *
 * @throws Error when the address cannot be listened on
 */
export type StartTransport = (
  options: TransportOptions,
  handlers: TransportHandlers,
) => Promise<Transport>;
