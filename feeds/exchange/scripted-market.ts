import type { ScriptedTrade } from './dialect.ts';
import type { ScriptedExchange } from './scripted-exchange.ts';

const STEP_MS = 20;
const FIRST_ID = 1_000_000;
/** Trades that a venue repeats to a new connection, as some do. */
const REPEATED = 20;
/** Part of its price that a trade moves by, at most. */
const STEP = 0.00006;
/** Once in so many trades the price jumps by 3 %: an anomaly. */
const TRADES_A_JUMP = 8000;

export interface MarketOptions {
  /** Opening prices by symbol. */
  readonly prices: Readonly<Record<string, number>>;
  readonly tradesPerSecond: number;
  /** Between two faults, ms. */
  readonly faultEveryMs: number;
}

/** What befalls a market, in turn. */
const FAULTS = ['cut', 'goodbye', 'gap', 'cut', 'burst'] as const;

/** Trades without end at a scripted exchange, with a fault from time to time. */
export class ScriptedMarket {
  readonly #exchange: ScriptedExchange;
  readonly #options: MarketOptions;
  readonly #symbols: readonly string[];
  readonly #prices: Map<string, number>;
  readonly #ids = new Map<string, number>();
  readonly #recent: ScriptedTrade[] = [];
  readonly #timers: NodeJS.Timeout[];
  #faults = 0;
  #owed = 0;

  constructor(exchange: ScriptedExchange, options: MarketOptions) {
    this.#exchange = exchange;
    this.#options = options;
    this.#symbols = Object.keys(options.prices);
    this.#prices = new Map(Object.entries(options.prices));
    exchange.onConnection = (connection) => {
      // Once it has subscribed: as a snapshot of what it may have missed, or may know.
      setTimeout(() => connection.sendSnapshot(...this.#recent), 500).unref();
    };
    this.#timers = [
      setInterval(() => this.#trade(), STEP_MS),
      setInterval(() => this.#fault(), options.faultEveryMs),
    ];
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #trade(): void {
    this.#owed += (this.#options.tradesPerSecond * STEP_MS) / 1000;
    const count = Math.floor(this.#owed);
    this.#owed -= count;
    this.#send(count);
  }

  #send(count: number): void {
    for (let i = 0; i < count; i += 1) {
      const trade = this.#next();
      this.#recent.push(trade);
      if (this.#recent.length > REPEATED) this.#recent.shift();
      this.#exchange.send(trade);
    }
  }

  #next(): ScriptedTrade {
    const at = Math.floor(Math.random() ** 2 * this.#symbols.length);
    const symbol = this.#symbols[at] as string;
    const jump = Math.random() * TRADES_A_JUMP < 1 ? 0.03 : 0;
    const move = (Math.random() - 0.5) * 2 * STEP + (Math.random() < 0.5 ? jump : -jump);
    const price = (this.#prices.get(symbol) as number) * (1 + move);
    this.#prices.set(symbol, price);
    return { symbol, id: this.#nextId(symbol), price, time: Date.now() };
  }

  /** A symbol's ids are its own. */
  #nextId(symbol: string): number {
    const id = (this.#ids.get(symbol) ?? FIRST_ID) + 1;
    this.#ids.set(symbol, id);
    return id;
  }

  #fault(): void {
    const fault = FAULTS[this.#faults % FAULTS.length];
    this.#faults += 1;
    const [connection] = this.#exchange.open;
    if (fault === 'cut') connection?.cut();
    else if (fault === 'burst') this.#send(this.#options.tradesPerSecond);
    else if (fault === 'gap') for (let i = 0; i < 5; i += 1) this.#next();
    else if (this.#exchange.dialect.goodbye !== undefined) {
      connection?.sendText(this.#exchange.dialect.goodbye);
    }
  }
}
