import { connectPublisher, type Subscriber } from '../../client-sdk/src/index.ts';

/** Interval of rounds, each with a part of the symbols, ms. */
const ROUND_MS = 10;

/** Publishes ticks of many symbols at a steady rate, and knows how old what a reader shows is. */
export class BusySymbols {
  readonly symbols: readonly string[];
  readonly #times = new Map<string, number[]>();
  readonly #publisher: ReturnType<typeof connectPublisher>;
  readonly #timer: NodeJS.Timeout;
  #next = 0;
  #owed = 0;
  #at = performance.now();

  constructor(url: string, count: number, ticksPerSecond: number) {
    this.symbols = Array.from({ length: count }, (_, i) => `SYM-${i}`);
    for (const symbol of this.symbols) this.#times.set(symbol, []);
    this.#publisher = connectPublisher(url, { publisher: 'busy' });
    this.#timer = setInterval(() => this.#round(ticksPerSecond), ROUND_MS);
  }

  /**
   * Age of the oldest row that the subscriber shows as live, ms: since when the row is outdated; 0
   * if none is.
   */
  oldestAge(subscriber: Subscriber): number {
    const now = Date.now();
    let oldest = 0;
    for (const row of subscriber.symbols()) {
      if (!row.isLive) continue;
      const times = this.#times.get(row.symbol) ?? [];
      const next = times[times.lastIndexOf(row.lastUpdateTime) + 1];
      if (next !== undefined) oldest = Math.max(oldest, now - next);
    }
    return oldest;
  }

  /** For how long the state after so many ticks of a symbol has been outdated, ms. */
  outdatedFor(symbol: string, ticks: number): number {
    const next = this.#times.get(symbol)?.[ticks];
    return next === undefined ? 0 : Date.now() - next;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#publisher.close();
  }

  #round(ticksPerSecond: number): void {
    const now = performance.now();
    this.#owed += ((now - this.#at) * ticksPerSecond) / 1000;
    this.#at = now;
    const time = Date.now();
    for (; this.#owed >= 1; this.#owed--) {
      const symbol = this.symbols[this.#next % this.symbols.length] as string;
      const times = this.#times.get(symbol) as number[];
      // A symbol has one tick a ms: its time tells which.
      if (times.at(-1) !== time) {
        this.#publisher.publish(symbol, 100 + Math.sin(this.#next) / 3, time);
        times.push(time);
      }
      this.#next++;
    }
  }
}

/** The value that a fraction of all are at or below. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? NaN;
}
