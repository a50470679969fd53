/**
 * What the client needs of a WebSocket: the part that browsers and `ws` share, and what only some
 * can do.
 */
export interface SocketLike {
  readonly bufferedAmount: number;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onerror: ((event: { readonly message?: string }) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  send(message: Uint8Array | string): void;
  close(code?: number, reason?: string): void;
  /** Cuts the connection without a handshake; not in browsers. */
  terminate?(): void;
  /** Stops reading, so that the peer feels back-pressure; not in browsers. */
  pause?(): void;
  resume?(): void;
}

/**
 * Opens a WebSocket that delivers binary messages as `Uint8Array` or `ArrayBuffer`, text as
 * strings.
 */
export type OpenSocket = (url: string, subprotocols: readonly string[]) => SocketLike;
