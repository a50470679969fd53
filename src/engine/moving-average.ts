import { CORRECTION, STATE_DOUBLES, SUM } from './memory/symbol-state.ts';

/** Shared memory for the last `window` prices of every symbol. */
export function createPriceRings(symbols: number, window: number): SharedArrayBuffer {
  return new SharedArrayBuffer(symbols * window * 8);
}

/**
 * The mean of a symbol's last `window` prices, O(1) a tick: a ring of prices and their running sum.
 *
 * The sum carries a second double that collects what rounding cut off (Neumaier's compensated summation, 1974), so that
 * a price a million times its neighbours leaves no error behind when it leaves the ring; and it is built anew each time
 * the ring wraps. One thread only; nothing allocates.
 */
export class MovingAverage {
  readonly #window: number;
  readonly #prices: Float64Array;
  readonly #states: Float64Array;

  constructor(prices: SharedArrayBuffer, states: SharedArrayBuffer, window: number) {
    this.#window = window;
    this.#prices = new Float64Array(prices);
    this.#states = new Float64Array(states);
  }

  /**
   * Takes a price in.
   *
   * @param count ticks of the symbol before this one: the place in the ring follows from it
   * @returns the average with this price
   */
  push(symbolId: number, count: number, price: number): number {
    const index = count % this.#window;
    const at = symbolId * this.#window + index;
    const old = this.#prices[at] as number;
    this.#prices[at] = price;
    const filled = Math.min(count + 1, this.#window);
    if (index === this.#window - 1) {
      this.rebuild(symbolId, filled);
    } else {
      if (count >= this.#window) this.#add(symbolId, -old);
      this.#add(symbolId, price);
    }
    return this.#mean(symbolId, filled);
  }

  /** Builds the running sum anew from the `filled` prices in the ring. */
  rebuild(symbolId: number, filled: number): void {
    const state = symbolId * STATE_DOUBLES;
    this.#states[state + SUM] = 0;
    this.#states[state + CORRECTION] = 0;
    const first = symbolId * this.#window;
    for (let i = 0; i < filled; i++) this.#add(symbolId, this.#prices[first + i] as number);
  }

  #add(symbolId: number, value: number): void {
    const state = symbolId * STATE_DOUBLES;
    const sum = this.#states[state + SUM] as number;
    const next = sum + value;
    const lost = Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
    this.#states[state + SUM] = next;
    this.#states[state + CORRECTION] = (this.#states[state + CORRECTION] as number) + lost;
  }

  #mean(symbolId: number, filled: number): number {
    const state = symbolId * STATE_DOUBLES;
    const sum =
      (this.#states[state + SUM] as number) + (this.#states[state + CORRECTION] as number);
    return Number.isFinite(sum) ? sum / filled : this.#meanOfHuge(symbolId, filled);
  }

  /** Prices near the largest double overflow their sum, never their mean. */
  #meanOfHuge(symbolId: number, filled: number): number {
    this.rebuild(symbolId, filled);
    const state = symbolId * STATE_DOUBLES;
    const sum =
      (this.#states[state + SUM] as number) + (this.#states[state + CORRECTION] as number);
    if (Number.isFinite(sum)) return sum / filled;
    const first = symbolId * this.#window;
    let mean = 0;
    for (let i = 0; i < filled; i++) mean += (this.#prices[first + i] as number) / filled;
    return mean;
  }
}
