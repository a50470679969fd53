import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Dialect, ScriptedTrade } from './dialect.ts';

const SECOND_MS = 1000;
const POLICY_VIOLATION = 1008;

export interface ExchangeOptions {
  /** Symbols that it lists; undefined: any. */
  readonly symbols?: ReadonlySet<string>;
  /** It takes what it is asked for without an answer, as when a recorded session is played. */
  readonly isMute?: boolean;
  readonly port?: number;
}

/** How an upgrade is refused. */
export interface Refusal {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * A venue on loopback: a real WebSocket server that speaks a dialect, notes what it is asked for
 * and what breaks the venue's rules, and does what its script says.
 */
export class ScriptedExchange {
  /** All connections so far, oldest first. */
  readonly connections: ExchangeConnection[] = [];
  /** What clients did that the venue forbids. */
  readonly violations: string[] = [];
  /** Answers to the next upgrades, in the place of a connection. */
  readonly refusals: Refusal[] = [];
  /** Paths of all upgrades, refused ones included. */
  readonly paths: string[] = [];
  readonly dialect: Dialect;
  readonly #options: ExchangeOptions;
  readonly #http: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  #port = 0;
  /** Called for each new connection. */
  onConnection: (connection: ExchangeConnection) => void = () => {};

  static async start(dialect: Dialect, options: ExchangeOptions = {}): Promise<ScriptedExchange> {
    const exchange = new ScriptedExchange(dialect, options);
    exchange.#http.listen(options.port ?? 0, '127.0.0.1');
    await once(exchange.#http, 'listening');
    exchange.#port = (exchange.#http.address() as AddressInfo).port;
    return exchange;
  }

  private constructor(dialect: Dialect, options: ExchangeOptions) {
    this.dialect = dialect;
    this.#options = options;
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
      const connection = new ExchangeConnection(
        webSocket,
        socket as Socket,
        this.dialect,
        this.#options,
        this.violations,
      );
      this.connections.push(connection);
      this.onConnection(connection);
    });
  }
}

/** One client of a scripted exchange. */
export class ExchangeConnection {
  readonly subscribed = new Set<string>();
  /** What the client sent, oldest first. */
  readonly received: string[] = [];
  isOpen = true;
  readonly #socket: WebSocket;
  readonly #tcp: Socket;
  readonly #dialect: Dialect;
  readonly #options: ExchangeOptions;
  readonly #violations: string[];
  readonly #receivedAt: number[] = [];
  #isLoggedIn: boolean;

  constructor(
    socket: WebSocket,
    tcp: Socket,
    dialect: Dialect,
    options: ExchangeOptions,
    violations: string[],
  ) {
    this.#socket = socket;
    this.#tcp = tcp;
    this.#dialect = dialect;
    this.#options = options;
    this.#violations = violations;
    this.#isLoggedIn = dialect.loginAnswer === undefined;
    socket.on('message', (data: Buffer) => this.#receive(data.toString('utf8')));
    socket.on('close', () => {
      this.isOpen = false;
    });
    socket.on('error', () => {});
    if (dialect.hello !== undefined) this.sendText(dialect.hello);
  }

  /** Bytes that the client has not taken. */
  get buffered(): number {
    return this.#socket.bufferedAmount;
  }

  send(...trades: readonly ScriptedTrade[]): void {
    const wanted = trades.filter(({ symbol }) => this.subscribed.has(symbol));
    if (wanted.length === 0) return;
    for (const text of this.#dialect.trades(wanted)) this.sendText(text);
  }

  sendText(text: string): void {
    if (this.isOpen) this.#socket.send(text);
  }

  sendBytes(bytes: Uint8Array): void {
    this.#socket.send(bytes, { binary: true });
  }

  /** As venues ping. */
  ping(): void {
    this.#socket.ping();
  }

  close(code: number, reason = ''): void {
    this.#socket.close(code, reason);
  }

  /** The connection breaks, without a close frame. */
  cut(): void {
    this.isOpen = false;
    this.#tcp.resetAndDestroy();
  }

  /** Half open: TCP takes bytes, nobody is behind. Not even pings are answered. */
  freeze(): void {
    this.#tcp.pause();
  }

  #receive(text: string): void {
    this.received.push(text);
    this.#checkRate();
    let request: ReturnType<Dialect['read']>;
    try {
      request = this.#dialect.read(text);
    } catch (error) {
      this.#violate(`not understood: ${text}: ${(error as Error).message}`);
      return;
    }
    if (request.kind === 'ping') this.sendText(request.pong);
    else if (request.kind === 'login') {
      this.#isLoggedIn = true;
      this.sendText(this.#dialect.loginAnswer ?? '');
    } else if (request.kind === 'subscribe') this.#subscribe(request);
  }

  #subscribe(request: { readonly symbols: readonly string[]; readonly id: unknown }): void {
    if (!this.#isLoggedIn) {
      this.#violate('a subscription before the login');
      return;
    }
    const { symbols: listed, isMute } = this.#options;
    const isKnown = (symbol: string) => listed === undefined || listed.has(symbol);
    const accepted = request.symbols.filter(isKnown);
    const refused = request.symbols.filter((symbol) => !isKnown(symbol));
    if (refused.length === 0 || !this.#dialect.refusesWhole) {
      for (const symbol of accepted) {
        if (this.subscribed.has(symbol)) this.#violate(`${symbol} is subscribed twice`, false);
        this.subscribed.add(symbol);
      }
    }
    if (isMute === true) return;
    for (const text of this.#dialect.answer(request, accepted, refused)) this.sendText(text);
  }

  #checkRate(): void {
    const now = performance.now();
    const { framesPerSecond } = this.#dialect;
    this.#receivedAt.push(now);
    const before = this.#receivedAt.at(-1 - framesPerSecond);
    if (before === undefined || now - before >= SECOND_MS) return;
    this.#violate(`more than ${framesPerSecond} messages a second`);
  }

  #violate(text: string, isFatal = true): void {
    this.#violations.push(text);
    if (isFatal) this.#socket.close(POLICY_VIOLATION, text.slice(0, 100));
  }
}
