import type { Random } from '../../testkit/random.ts';
import type { VirtualGlobals } from '../core/virtual-globals.ts';

/** A tick as a publisher means it; the name goes out as an alias where one is declared. */
export interface PublishedTick {
  readonly name: string | number | null;
  readonly price: number;
  /** null: the server's receipt time. */
  readonly time: number | null;
}

const BAD_NAMES = ['', ' X', 'A*', 999_999, null, 'x'.repeat(33)] as const;
const BAD_PRICES = [0, -1, Number.NaN, Number.POSITIVE_INFINITY];
const DAY_MS = 86_400_000;

/** Prices that wander and jump, times that are mostly now, and invalid ticks. */
export class TickMaker {
  readonly #random: Random;
  readonly #globals: VirtualGlobals;
  readonly #symbols: readonly string[];
  readonly #prices = new Map<string, number>();

  constructor(random: Random, globals: VirtualGlobals, symbols: readonly string[]) {
    this.#random = random;
    this.#globals = globals;
    this.#symbols = symbols;
  }

  make(): PublishedTick {
    const random = this.#random;
    if (random.chance(0.02)) return this.#makeBad();
    const symbol = random.pick(this.#symbols);
    return { name: symbol, price: this.#price(symbol), time: this.#time() };
  }

  #makeBad(): PublishedTick {
    const random = this.#random;
    const symbol = random.pick(this.#symbols);
    const good = { name: symbol, price: this.#price(symbol), time: this.#time() };
    switch (random.below(4)) {
      case 0:
        return { ...good, name: random.pick(BAD_NAMES) };
      case 1:
        return { ...good, price: random.pick(BAD_PRICES) };
      case 2:
        return { ...good, time: random.pick([-1, this.#globals.wallNow + DAY_MS]) };
      default:
        // A new symbol: the table fills up.
        return { ...good, name: `NEW-${random.below(8)}` };
    }
  }

  #price(symbol: string): number {
    const random = this.#random;
    const before = this.#prices.get(symbol) ?? 10 * (1 + random.below(1000));
    if (random.chance(0.1)) return before;
    const range = random.chance(0.05) ? 0.1 : 0.004;
    const price = before * (1 + range * (random.float() - 0.5));
    this.#prices.set(symbol, price);
    return price;
  }

  #time(): number | null {
    const random = this.#random;
    const now = this.#globals.wallNow;
    const kind = random.below(20);
    if (kind < 4) return null;
    if (kind < 5) return now - random.below(2000);
    if (kind < 6) return now + random.float() * 50;
    return now - random.below(4);
  }
}
