import { once } from 'node:events';
import type { Socket as TcpSocket } from 'node:net';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';
import { until } from '../../testkit/until.ts';
import { TRUSTED } from './certificates.ts';
import { isSecure } from './secure-ports.ts';

/** A well-behaved WebSocket client that keeps what it gets. */
export class Client {
  readonly ws: WebSocket;
  readonly messages: (string | Buffer)[] = [];
  pings = 0;
  closed: { readonly code: number; readonly reason: string } | null = null;

  private constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on('message', (data: Buffer, isBinary: boolean) => {
      this.messages.push(isBinary ? data : data.toString());
    });
    ws.on('ping', () => {
      this.pings++;
    });
    ws.on('error', () => undefined);
    ws.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
  }

  static async open(port: number, path: string, protocols: string[] = []): Promise<Client> {
    const url = `${isSecure(port) ? 'wss' : 'ws'}://127.0.0.1:${port}${path}`;
    const ws = new WebSocket(url, protocols, {
      perMessageDeflate: false,
      ca: TRUSTED,
      rejectUnauthorized: true,
    });
    const client = new Client(ws);
    await new Promise((resolve, reject) => {
      ws.once('open', resolve);
      ws.once('error', reject);
    });
    return client;
  }

  /** The messages, once there are `count` of them. */
  async received(count: number): Promise<(string | Buffer)[]> {
    await until(() => this.messages.length >= count, `${count} messages`);
    return this.messages;
  }

  async closing(): Promise<{ readonly code: number; readonly reason: string }> {
    await until(() => this.closed !== null, 'the close');
    return this.closed as { readonly code: number; readonly reason: string };
  }
}

export const Opcode = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9 } as const;

/** A frame as a server sends it: short enough lengths only as far as these tests go. */
export interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** A peer on TCP, or TLS where the port has that, that does what no client should: it speaks bytes, not WebSocket. */
export class RawPeer {
  /** What it speaks through. */
  readonly tcp: TcpSocket;
  /** What is below: the same, but for TLS. */
  readonly #line: TcpSocket;
  closed = false;
  #input = Buffer.alloc(0);
  readonly #chunks: Buffer[] = [];

  private constructor(tcp: TcpSocket, line: TcpSocket) {
    this.tcp = tcp;
    this.#line = line;
    line.on('error', () => undefined);
    tcp.on('data', (chunk) => this.#chunks.push(chunk));
    tcp.on('error', () => undefined);
    tcp.on('close', () => {
      this.closed = true;
    });
  }

  static async connect(port: number): Promise<RawPeer> {
    const line = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(line, 'connect');
    if (!isSecure(port)) return new RawPeer(line, line);
    const tcp = connectTls({ socket: line, ca: TRUSTED, rejectUnauthorized: true });
    await once(tcp, 'secureConnect');
    return new RawPeer(tcp, line);
  }

  /** Cuts the connection without a farewell. */
  reset(): void {
    this.#line.resetAndDestroy();
  }

  /** Connects and completes the handshake. */
  static async upgrade(port: number, path: string): Promise<RawPeer> {
    const peer = await RawPeer.connect(port);
    peer.tcp.write(upgradeRequest(path));
    await until(() => peer.text().includes('\r\n\r\n'), 'the handshake');
    const head = peer.text();
    if (!head.startsWith('HTTP/1.1 101')) throw new Error(`Refused: ${head}`);
    peer.#input = peer.#input.subarray(head.indexOf('\r\n\r\n') + 4);
    return peer;
  }

  /** All that came and was not taken yet. */
  bytes(): Buffer {
    if (this.#chunks.length > 0) {
      this.#input = Buffer.concat([this.#input, ...this.#chunks]);
      this.#chunks.length = 0;
    }
    return this.#input;
  }

  text(): string {
    return this.bytes().toString('latin1');
  }

  /** Forgets what came. */
  clear(): void {
    this.bytes();
    this.#input = Buffer.alloc(0);
  }

  /** The whole frames among what came. */
  frames(): Frame[] {
    const bytes = this.bytes();
    const frames: Frame[] = [];
    for (let at = 0; at + 2 <= bytes.length; ) {
      const short = (bytes[at + 1] as number) & 0x7f;
      const header = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (at + header > bytes.length) break;
      const length =
        short < 126
          ? short
          : short === 126
            ? bytes.readUInt16BE(at + 2)
            : Number(bytes.readBigUInt64BE(at + 2));
      if (at + header + length > bytes.length) break;
      const payload = bytes.subarray(at + header, at + header + length);
      frames.push({ opcode: (bytes[at] as number) & 0x0f, payload });
      at += header + length;
    }
    return frames;
  }

  send(opcode: number, payload: Uint8Array, fin = true): void {
    this.tcp.write(maskedFrame(opcode, payload, fin));
  }
}

export function upgradeRequest(
  path: string,
  headers: Readonly<Record<string, string>> = {},
): string {
  const all = {
    host: 'localhost',
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** A client's frame, with a mask of zeros so that the payload stands as it is. */
function maskedFrame(opcode: number, payload: Uint8Array, fin: boolean): Buffer {
  const header = Buffer.alloc(payload.length < 126 ? 6 : 14);
  header[0] = (fin ? 0x80 : 0) | opcode;
  if (payload.length < 126) {
    header[1] = 0x80 | payload.length;
  } else {
    header[1] = 0x80 | 127;
    header.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  return Buffer.concat([header, payload]);
}
