import { WebSocket } from 'ws';
import type { SocketLike } from './socket.ts';

/** Opens a WebSocket with the `ws` package: the default in Node. */
export function openWsSocket(url: string, subprotocols: readonly string[]): SocketLike {
  const socket = new WebSocket(url, [...subprotocols], { perMessageDeflate: false });
  return socket as unknown as SocketLike;
}
