import { loadWs } from './ws-package.ts';

/**
 * Declared through a method for bivariance: a handler may declare more of the event than is used
 * here.
 */
type Handler<Event> = {
  /** Takes an event. */
  handle(event: Event): void;
}['handle'];

/** What the client needs of a WebSocket. Optional members exist in `ws` only. */
export interface SocketLike {
  /** How binary messages arrive; `blob` is changed to `arraybuffer`. */
  binaryType: string;
  /** Bytes passed to `send` and not yet given to the network. */
  readonly bufferedAmount: number;
  /** 0 while it connects. */
  readonly readyState?: number;
  /** Called for each message: a string or bytes. */
  onmessage: Handler<{ readonly data: unknown }> | null;
  /** Called on an error; `onclose` follows, but in Node 22 only if the connection was open. */
  onerror: Handler<{ readonly type?: string; readonly message?: string }> | null;
  /** Called once, when the connection is gone or was never established. */
  onclose: Handler<{ readonly code: number; readonly reason: string }> | null;
  /** Sends a message: text for a string, binary for bytes. */
  send(message: Uint8Array<ArrayBuffer> | string): void;
  /** Starts the closing handshake. */
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

/**
 * The platform's WebSocket, else that of the `ws` package.
 *
 * @throws Error if there is neither
 */
export async function defaultWebSocket(): Promise<WebSocketConstructor> {
  const platform = globalThis as { readonly WebSocket?: unknown };
  if (platform.WebSocket !== undefined) return platform.WebSocket as WebSocketConstructor;
  try {
    const { WebSocket } = await loadWs();
    return WebSocket as WebSocketConstructor;
  } catch (cause) {
    const message =
      'this platform has no WebSocket: install the package ws, or pass options.WebSocket';
    throw new Error(message, { cause });
  }
}
