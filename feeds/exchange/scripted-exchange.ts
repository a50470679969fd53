import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Dialect, ScriptedTrade } from './dialect.ts';
import {
  ExchangeConnection,
  type ExchangeOptions,
  type ExchangeState,
} from './exchange-connection.ts';

/** How an upgrade is refused. */
export interface Refusal {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * A venue on loopback: a real WebSocket server that speaks a dialect, notes what it is asked for
 * and what breaks the venue's rules, and does what its script says.
 */
export class ScriptedExchange implements ExchangeState {
  /** All connections so far, oldest first. */
  readonly connections: ExchangeConnection[] = [];
  /** What clients did that the venue forbids. */
  readonly violations: string[] = [];
  /** Answers to the next upgrades, in the place of a connection. */
  readonly refusals: Refusal[] = [];
  /** Paths of all upgrades, refused ones included. */
  readonly paths: string[] = [];
  /** Requests to subscribe that are yet to be answered as too many. */
  throttles: number;
  readonly dialect: Dialect;
  readonly options: ExchangeOptions;
  readonly #http: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  #port = 0;
  /** Called for each new connection. */
  onConnection: (connection: ExchangeConnection) => void = () => {};
  /** Called for each message of trades that a client is sent. */
  onTrades: (text: string) => void = () => {};

  static async start(dialect: Dialect, options: ExchangeOptions = {}): Promise<ScriptedExchange> {
    const exchange = new ScriptedExchange(dialect, options);
    exchange.#http.listen(options.port ?? 0, '127.0.0.1');
    await once(exchange.#http, 'listening');
    exchange.#port = (exchange.#http.address() as AddressInfo).port;
    return exchange;
  }

  private constructor(dialect: Dialect, options: ExchangeOptions) {
    this.dialect = dialect;
    this.options = options;
    this.throttles = options.throttles ?? 0;
    this.#http = createServer((_request, response) => response.writeHead(404).end());
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}/ws`;
  }

  /** The newest connection that is open. */
  get current(): ExchangeConnection {
    const open = this.open.at(-1);
    if (open === undefined) throw new Error('nobody is connected');
    return open;
  }

  get open(): readonly ExchangeConnection[] {
    return this.connections.filter(({ isOpen }) => isOpen);
  }

  /** Sends trades to everybody who has subscribed to their symbols, in one message if it can. */
  send(...trades: readonly ScriptedTrade[]): void {
    for (const connection of this.open) connection.send(...trades);
  }

  async stop(): Promise<void> {
    for (const connection of this.connections) connection.cut();
    this.#http.closeAllConnections();
    this.#http.close();
    await once(this.#http, 'close');
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.paths.push(request.url ?? '');
    const refusal = this.refusals.shift();
    if (refusal !== undefined) {
      const headers = { connection: 'close', 'content-length': '0', ...refusal.headers };
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.end(`HTTP/1.1 ${refusal.status} Refused\r\n${lines.join('')}\r\n`);
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const connection = new ExchangeConnection(webSocket, socket as Socket, this);
      this.connections.push(connection);
      this.onConnection(connection);
    });
  }
}
