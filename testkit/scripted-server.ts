import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  decodeFrame,
  type Encoding,
  encodeFrame,
  encodingOf,
  type Frame,
  SUBPROTOCOL_BINARY,
  SUBPROTOCOL_JSON,
} from '../src/protocol/index.ts';

/** Content of WELCOME unless the test changes it. */
export const WELCOME_INFO = {
  version: 1,
  epoch: 'e1',
  session: 's1',
  serverTime: 1,
  heartbeatMs: 5000,
  limits: {
    frameBytesMax: 1_048_576,
    ticksPerFrameMax: 65_536,
    symbolsMax: 65_536,
    subscriptionsMax: 10_000,
    wildcardsMax: 256,
    authTimeoutMs: 5000,
  },
};

/** A queue of values for readers that come before or after them. */
class Arrivals<T> {
  readonly #values: T[] = [];
  #wake: (() => void) | undefined;

  push(value: T): void {
    this.#values.push(value);
    this.#wake?.();
  }

  async next(): Promise<T> {
    while (this.#values.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#values.shift() as T;
  }

  get waiting(): number {
    return this.#values.length;
  }
}

/** One connection of a scripted server: the test reads and writes its frames. */
export class ScriptedConnection {
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  /** When it was accepted, on the clock of `performance.now`. */
  readonly openedAt = performance.now();
  readonly #socket: WebSocket;
  readonly #encoding: Encoding;
  readonly #frames = new Arrivals<Frame>();
  readonly closed: Promise<number>;
  /** The size of each message received. */
  readonly messageBytes: number[] = [];

  constructor(socket: WebSocket, request: IncomingMessage) {
    this.url = new URL(request.url ?? '/', 'ws://test');
    this.headers = request.headers;
    this.#socket = socket;
    this.#encoding = encodingOf(socket.protocol) ?? 'binary';
    socket.on('message', (data, isBinary) => {
      const bytes = data as Buffer;
      this.messageBytes.push(bytes.length);
      this.#frames.push(decodeFrame(isBinary ? bytes : bytes.toString()));
    });
    this.closed = once(socket, 'close').then(([code]) => code as number);
  }

  get encoding(): Encoding {
    return this.#encoding;
  }

  /** Frames received and not read. */
  get unread(): number {
    return this.#frames.waiting;
  }

  /** The next frame of the client. */
  next(): Promise<Frame> {
    return this.#frames.next();
  }

  send(frame: Frame): void {
    this.#socket.send(encodeFrame(frame, this.#encoding));
  }

  sendRaw(data: Uint8Array | string): void {
    this.#socket.send(data);
  }

  welcome(info: Record<string, unknown> = {}): void {
    this.send([16, { ...WELCOME_INFO, ...info }]);
  }

  close(code: number): void {
    this.#socket.close(code);
  }

  /** Stops reading, so that the client feels back-pressure. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  cut(): void {
    this.#socket.terminate();
  }
}

/** A WebSocket server driven by a test or a tool, frame by frame. */
export class ScriptedServer {
  readonly #server: WebSocketServer;
  readonly #connections = new Arrivals<ScriptedConnection>();

  static async start(port = 0): Promise<ScriptedServer> {
    const server = new ScriptedServer(port);
    await once(server.#server, 'listening');
    return server;
  }

  private constructor(port: number) {
    this.#server = new WebSocketServer({
      host: '127.0.0.1',
      port,
      handleProtocols: (offered) =>
        [SUBPROTOCOL_BINARY, SUBPROTOCOL_JSON].find((name) => offered.has(name)) ?? false,
    });
    this.#server.on('connection', (socket, request) => {
      this.#connections.push(new ScriptedConnection(socket, request));
    });
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Connections opened and not taken. */
  get waiting(): number {
    return this.#connections.waiting;
  }

  /** The next connection that a client opens. */
  connection(): Promise<ScriptedConnection> {
    return this.#connections.next();
  }

  stop(): void {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
  }
}
