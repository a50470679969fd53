/** As of a method: a handler that expects more of an event than the client uses is no other type. */
type Handler<Event> = {
  /** Takes an event. */
  handle(event: Event): void;
}['handle'];

/** What the client needs of a WebSocket: what browsers, Node and `ws` share, and what only some can do. */
export interface SocketLike {
  /** How binary messages arrive; set to `arraybuffer` where it is `blob`. */
  binaryType: string;
  /** Bytes handed over with `send` and not yet given to the network. */
  readonly bufferedAmount: number;
  /** Called for each message: a text, or bytes. */
  onmessage: Handler<{ readonly data: unknown }> | null;
  /** Called when something failed; `onclose` follows. */
  onerror: Handler<{ readonly type?: string; readonly message?: string }> | null;
  /** Called once, when the connection is gone or never came to be. */
  onclose: Handler<{ readonly code: number; readonly reason: string }> | null;
  /** Sends a message: bytes as a binary one. */
  send(message: Uint8Array<ArrayBuffer> | string): void;
  /** Begins the closing handshake. */
  close(code?: number, reason?: string): void;
  /** Cuts the connection without a handshake; `ws` only. */
  terminate?(): void;
  /** Stops reading, so that the peer feels back-pressure; `ws` only. */
  pause?(): void;
  /** Ends `pause`. */
  resume?(): void;
}

/** The class of a browser's WebSocket, of Node's own (22 and newer), or of the `ws` package. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => SocketLike;

/** In a variable, so that no bundler looks for a package that only Node before version 22 needs. */
const WS_PACKAGE = 'ws';

/**
 * The platform's own WebSocket where it has one, else that of the `ws` package.
 *
 * @throws Error where there is neither
 */
export async function defaultWebSocket(): Promise<WebSocketConstructor> {
  const platform = globalThis as { readonly WebSocket?: unknown };
  if (platform.WebSocket !== undefined) return platform.WebSocket as WebSocketConstructor;
  try {
    const { WebSocket } = await import(/* @vite-ignore */ WS_PACKAGE);
    return WebSocket as WebSocketConstructor;
  } catch (cause) {
    const message =
      'this platform has no WebSocket: install the package ws, or pass options.WebSocket';
    throw new Error(message, { cause });
  }
}
