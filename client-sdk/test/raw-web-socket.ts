import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { encodeFrame, type Frame } from '../../src/protocol/index.ts';

const HANDSHAKE_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Reads the head of an HTTP request. */
export async function readHead(socket: Socket): Promise<string> {
  let head = '';
  while (!head.includes('\r\n\r\n')) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    head += chunk.toString('latin1');
  }
  return head;
}

/** The answer that makes a connection a WebSocket. */
export function upgradeAnswer(head: string): string {
  const key = /^sec-websocket-key: (.+)\r$/im.exec(head)?.[1] ?? '';
  const accept = createHash('sha1')
    .update(key + HANDSHAKE_GUID)
    .digest('base64');
  return [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    'Sec-WebSocket-Protocol: tickwire.v1',
    '\r\n',
  ].join('\r\n');
}

export interface MessageBytesOptions {
  /** 0 continues a message, 1 is text, 2 is binary; default 2. */
  readonly opcode?: number;
  /** Whether the message ends here; default true. */
  readonly isLast?: boolean;
}

/** The bytes of one WebSocket frame of a server. */
export function messageBytes(payload: Uint8Array, options: MessageBytesOptions = {}): Buffer {
  const { opcode = 2, isLast = true } = options;
  const length = payload.length < 126 ? payload.length : 126;
  const head = Buffer.alloc(length === 126 ? 4 : 2);
  head.writeUInt8((isLast ? 0x80 : 0) | opcode, 0);
  head.writeUInt8(length, 1);
  if (length === 126) head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}

/** A frame of the protocol as bytes on the wire. */
export function frameBytes(frame: Frame): Buffer {
  return messageBytes(encodeFrame(frame, 'binary') as Uint8Array);
}
