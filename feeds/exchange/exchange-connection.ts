import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { ClientRequest, Dialect, ScriptedTrade } from './dialect.ts';

const SECOND_MS = 1000;
const POLICY_VIOLATION = 1008;

export interface ExchangeOptions {
  /** Symbols that it lists; undefined: any. */
  readonly symbols?: ReadonlySet<string>;
  /** It takes what it is asked for without an answer, as when a recorded session is played. */
  readonly isMute?: boolean;
  /** Logins with another are refused; undefined: any will do. */
  readonly key?: string;
  /** Between heartbeats to each client, of the venue's kind, ms; undefined: none. */
  readonly beatMs?: number;
  /** In the place of the dialect's, where it has one, ms. */
  readonly silenceMs?: number;
  /** So many requests to subscribe are answered as too many. */
  readonly throttles?: number;
  readonly port?: number;
}

/** What the connections of an exchange share. */
export interface ExchangeState {
  readonly dialect: Dialect;
  readonly options: ExchangeOptions;
  readonly open: readonly ExchangeConnection[];
  /** What clients did that the venue forbids. */
  readonly violations: string[];
  /** Requests to subscribe that are yet to be answered as too many. */
  throttles: number;
  /** Called for each message of trades that a client is sent. */
  onTrades: (text: string) => void;
}

/** One client of a scripted exchange. */
export class ExchangeConnection {
  readonly subscribed = new Set<string>();
  /** What the client sent, oldest first. */
  readonly received: string[] = [];
  isOpen = true;
  isLoggedIn = false;
  readonly #socket: WebSocket;
  readonly #tcp: Socket;
  readonly #exchange: ExchangeState;
  readonly #dialect: Dialect;
  readonly #receivedAt: number[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  #wantsBeats: boolean;
  #heardAt = performance.now();

  constructor(socket: WebSocket, tcp: Socket, exchange: ExchangeState) {
    const { dialect } = exchange;
    this.#socket = socket;
    this.#tcp = tcp;
    this.#exchange = exchange;
    this.#dialect = dialect;
    this.#wantsBeats = typeof dialect.heartbeat !== 'object' || !dialect.heartbeat.isAskedFor;
    socket.on('message', (data: Buffer) => this.#receive(data.toString('utf8')));
    socket.on('close', () => this.#closed());
    socket.on('error', () => {});
    this.#startClocks();
    if (dialect.hello !== undefined) this.sendText(dialect.hello);
  }

  /** Bytes that the client has not taken. */
  get buffered(): number {
    return this.#socket.bufferedAmount;
  }

  send(...trades: readonly ScriptedTrade[]): void {
    this.#sendTrades(trades, (wanted) => this.#dialect.trades(wanted));
  }

  /** Trades from before, as the venue repeats them to a new subscriber. */
  sendSnapshot(...trades: readonly ScriptedTrade[]): void {
    const dialect = this.#dialect;
    this.#sendTrades(trades, (wanted) => dialect.snapshot?.(wanted) ?? dialect.trades(wanted));
  }

  sendText(text: string): void {
    if (this.isOpen) this.#socket.send(text);
  }

  sendBytes(bytes: Uint8Array): void {
    this.#socket.send(bytes, { binary: true });
  }

  /** Whole WebSocket frames, past the dialect; resolves once the system has taken them. */
  sendFrames(frames: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.#tcp.write(frames, () => resolve());
    });
  }

  close(code: number, reason = ''): void {
    this.#socket.close(code, reason);
  }

  /** The connection breaks, without a close frame. */
  cut(): void {
    this.#closed();
    this.#tcp.resetAndDestroy();
  }

  /** Half open: TCP takes bytes, nobody is behind. Not even pings are answered. */
  freeze(): void {
    this.#tcp.pause();
  }

  #sendTrades(
    trades: readonly ScriptedTrade[],
    write: (wanted: readonly ScriptedTrade[]) => string[],
  ): void {
    const wanted = trades.filter(({ symbol }) => this.subscribed.has(symbol));
    if (wanted.length === 0 || !this.isOpen) return;
    for (const text of write(wanted)) {
      this.#exchange.onTrades(text);
      this.sendText(text);
    }
  }

  #closed(): void {
    this.isOpen = false;
    this.#stopClocks();
  }

  #stopClocks(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #startClocks(): void {
    const { beatMs, silenceMs = this.#dialect.silenceMs } = this.#exchange.options;
    if (beatMs !== undefined) this.#timers.push(setInterval(() => this.#beat(), beatMs));
    if (silenceMs === undefined || this.#dialect.silenceMs === undefined) return;
    const check = () => {
      if (performance.now() - this.#heardAt >= silenceMs) this.#violate('silent for too long');
    };
    this.#timers.push(setInterval(check, silenceMs / 4));
  }

  #beat(): void {
    const { heartbeat } = this.#dialect;
    if (heartbeat === 'ping') this.#socket.ping();
    else if (heartbeat !== undefined && this.#wantsBeats) this.sendText(heartbeat.text);
  }

  #receive(text: string): void {
    this.received.push(text);
    this.#heardAt = performance.now();
    this.#checkRate();
    let request: ClientRequest;
    try {
      request = this.#dialect.read(text);
    } catch (error) {
      this.#violate(`not understood: ${text}: ${(error as Error).message}`);
      return;
    }
    switch (request.kind) {
      case 'ping':
        this.sendText(request.pong);
        break;
      case 'heartbeats':
        this.#wantsBeats = true;
        this.sendText(request.answer);
        break;
      case 'login':
        this.#login(request.key);
        break;
      case 'subscribe':
        this.#subscribe(request);
        break;
      case 'other':
        break;
    }
  }

  #login(key: unknown): void {
    const { login } = this.#dialect;
    if (login === undefined) return;
    const { options, open } = this.#exchange;
    const isTaken = open.some((other) => other !== this && other.isLoggedIn);
    const isRight = options.key === undefined || key === options.key;
    this.isLoggedIn = isRight && !isTaken;
    if (isTaken) this.sendText(login.placeTaken);
    else this.sendText(isRight ? login.accepted : login.refused);
  }

  #subscribe(request: Extract<ClientRequest, { kind: 'subscribe' }>): void {
    const dialect = this.#dialect;
    const exchange = this.#exchange;
    if (dialect.login !== undefined && !this.isLoggedIn) {
      this.#violate('a subscription before the login');
      return;
    }
    const throttled = exchange.throttles > 0 ? dialect.throttled?.(request.id) : undefined;
    if (throttled !== undefined) {
      exchange.throttles -= 1;
      this.sendText(throttled);
      return;
    }
    const { symbols: listed, isMute } = exchange.options;
    const isKnown = (symbol: string) => listed === undefined || listed.has(symbol);
    const accepted = request.symbols.filter(isKnown);
    const refused = request.symbols.filter((symbol) => !isKnown(symbol));
    if (refused.length === 0 || !dialect.refusesWhole) {
      for (const symbol of accepted) {
        if (this.subscribed.has(symbol)) this.#violate(`${symbol} is subscribed twice`, false);
        this.subscribed.add(symbol);
      }
    }
    if (isMute === true) return;
    const outcome = { id: request.id, accepted, refused, subscribed: [...this.subscribed] };
    for (const text of dialect.answer(outcome)) this.sendText(text);
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
    this.#exchange.violations.push(text);
    if (!isFatal) return;
    this.#stopClocks();
    this.#socket.close(POLICY_VIOLATION, text.slice(0, 100));
  }
}
