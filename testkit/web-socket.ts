import { createHash } from 'node:crypto';

/*
 * WebSocket as bytes (RFC 6455), for peers that break its rules: every part of a frame and of the
 * handshake can be wrong.
 */

export const Opcode = {
  CONTINUATION: 0,
  TEXT: 1,
  BINARY: 2,
  CLOSE: 8,
  PING: 9,
  PONG: 10,
} as const;

const HANDSHAKE_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export interface FrameParts {
  readonly opcode: number;
  readonly payload: Uint8Array;
  readonly isFinal?: boolean;
  /** The three reserved bits. */
  readonly reserved?: number;
  /** The masking key, as a client's frame must have one; none if not given. */
  readonly mask?: number | undefined;
  /** What the header says instead of the payload's own length. */
  readonly declared?: number | undefined;
  /** Bytes that the length takes: 1, 2 or 8. The fewest that hold it, if not given. */
  readonly lengthBytes?: number | undefined;
}

/** A frame as bytes. */
export function encodeWebSocketFrame(parts: FrameParts): Buffer {
  const { opcode, payload, isFinal = true, reserved = 0, mask } = parts;
  const length = parts.declared ?? payload.length;
  const lengthBytes = parts.lengthBytes ?? (length < 126 ? 1 : length < 65_536 ? 2 : 8);
  const header = Buffer.alloc(lengthBytes === 1 ? 2 : 2 + lengthBytes);
  header[0] = (isFinal ? 0x80 : 0) | (reserved << 4) | opcode;
  const maskBit = mask === undefined ? 0 : 0x80;
  if (lengthBytes === 1) {
    header[1] = maskBit | Math.min(length, 125);
  } else if (lengthBytes === 2) {
    header[1] = maskBit | 126;
    header.writeUInt16BE(length & 0xffff, 2);
  } else {
    header[1] = maskBit | 127;
    header.writeBigUInt64BE(BigInt(length), 2);
  }
  if (mask === undefined) return Buffer.concat([header, payload]);
  const key = Buffer.alloc(4);
  key.writeUInt32BE(mask);
  const masked = Buffer.from(payload.map((byte, at) => byte ^ (key[at & 3] as number)));
  return Buffer.concat([header, key, masked]);
}

/** A frame as far as it is read. */
export interface WebSocketFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** The whole unmasked frames, as servers send them, that bytes begin with. */
export function decodeWebSocketFrames(bytes: Buffer): WebSocketFrame[] {
  const frames: WebSocketFrame[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const short = (bytes[at + 1] as number) & 0x7f;
    const header = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (at + header > bytes.length) break;
    let length = short;
    if (short === 126) length = bytes.readUInt16BE(at + 2);
    else if (short === 127) length = Number(bytes.readBigUInt64BE(at + 2));
    const end = at + header + length;
    if (end > bytes.length) break;
    frames.push({
      opcode: (bytes[at] as number) & 0x0f,
      payload: bytes.subarray(at + header, end),
    });
    at = end;
  }
  return frames;
}

/** Headers that ask for an upgrade. */
export const UPGRADE_HEADERS = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
} as const;

/** A request for an upgrade; headers given replace those that are right. */
export function upgradeRequest(
  path: string,
  headers: Readonly<Record<string, string>> = {},
): string {
  const all = { host: 'localhost', ...UPGRADE_HEADERS, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** The answer to a request's head that makes its connection a WebSocket. */
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
