import { once } from 'node:events';
import { connect, type Socket as TcpSocket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';
import { until } from '../../testkit/until.ts';
import {
  decodeWebSocketFrames,
  encodeWebSocketFrame,
  upgradeRequest,
  type WebSocketFrame,
} from '../../testkit/web-socket.ts';
import { isSecure, TRUSTED } from './tls.ts';

/** A well-behaved WebSocket client that records messages. */
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

/** A misbehaving peer on TCP, or TLS where the port has it: speaks bytes, not WebSocket. */
export class RawPeer {
  readonly tcp: TcpSocket;
  /** The transport below; differs for TLS only. */
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

  /** Resets the connection. */
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

  /** Received bytes not yet taken. */
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

  clear(): void {
    this.bytes();
    this.#input = Buffer.alloc(0);
  }

  /** Complete frames received. */
  frames(): WebSocketFrame[] {
    return decodeWebSocketFrames(this.bytes());
  }

  send(opcode: number, payload: Uint8Array, isFinal = true): void {
    this.tcp.write(encodeWebSocketFrame({ opcode, payload, isFinal, mask: 0 }));
  }
}
