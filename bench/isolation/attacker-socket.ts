import { once } from 'node:events';
import { WebSocket } from 'ws';
import { encodeFrame, type Frame, Op } from '../../src/protocol/index.ts';
import { ATTACKER_ADDRESS } from './attack.ts';

/** Buffered in this process at most. */
const BUFFERED_BYTES_MAX = 1 << 20;
const TICKS_PER_FRAME = 1000;

/** A WebSocket that reads everything. */
export async function openSocket(port: number, path: string): Promise<WebSocket> {
  const options = { localAddress: ATTACKER_ADDRESS, perMessageDeflate: false };
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, 'tickwire.v1', options);
  socket.on('error', () => undefined);
  socket.on('message', () => undefined);
  await once(socket, 'open');
  return socket;
}

export function frameBytes(frame: Frame): Uint8Array {
  return encodeFrame(frame, 'binary') as Uint8Array;
}

/** Unnumbered frames with one tick of each symbol. */
export function tickFrames(symbols: readonly string[], price: number): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let from = 0; from < symbols.length; from += TICKS_PER_FRAME) {
    const part = symbols.slice(from, from + TICKS_PER_FRAME);
    frames.push(frameBytes([Op.TICKS, 0, part.flatMap((symbol) => [symbol, price, null])]));
  }
  return frames;
}

export function symbolNames(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

/** Sends while the socket has room. */
export function sendWhileRoom(socket: WebSocket, next: () => Uint8Array): void {
  while (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < BUFFERED_BYTES_MAX) {
    socket.send(next());
  }
}

/** Sends messages and waits until the server has read them. */
export async function sendAll(socket: WebSocket, messages: readonly Uint8Array[]): Promise<void> {
  for (const message of messages) {
    socket.send(message);
    // Few at a time, so that no server queue overflows.
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  socket.ping();
  await once(socket, 'pong');
}
