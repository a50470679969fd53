import { CORRECTION, STATE_DOUBLES, SUM } from './memory/symbol-state.ts';
import { type TickAtWork, TickDouble } from './tick-at-work.ts';

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
  /** What a tick adds to the sum: the old price, negative, and the new one. */
  readonly #change = new Float64Array(2);

  constructor(prices: SharedArrayBuffer, states: SharedArrayBuffer, window: number) {
    this.#window = window;
    this.#prices = new Float64Array(prices);
    this.#states = new Float64Array(states);
  }

  /** Takes a tick's price in and leaves the average with it in the tick. Its place in the ring follows from its count. */
  push(symbolId: number, tick: TickAtWork): void {
    const count = tick[TickDouble.COUNT] as number;
    const index = count % this.#window;
    const at = symbolId * this.#window + index;
    const old = this.#prices[at] as number;
    const price = tick[TickDouble.PRICE] as number;
    this.#prices[at] = price;
    const filled = Math.min(count + 1, this.#window);
    const state = symbolId * STATE_DOUBLES;
    if (index === this.#window - 1) {
      this.rebuild(symbolId, filled);
    } else {
      this.#change[0] = -old;
      this.#change[1] = price;
      // A ring that is not full yet has no old price to take out.
      this.#add(state, this.#change, count < this.#window ? 1 : 0, 2);
    }
    const sum =
      (this.#states[state + SUM] as number) + (this.#states[state + CORRECTION] as number);
    tick[TickDouble.AVERAGE] = Number.isFinite(sum)
      ? sum / filled
      : this.#meanOfHuge(symbolId, filled);
  }

  /** Builds the running sum anew from the `filled` prices in the ring. */
  rebuild(symbolId: number, filled: number): void {
    const state = symbolId * STATE_DOUBLES;
    this.#states[state + SUM] = 0;
    this.#states[state + CORRECTION] = 0;
    const first = symbolId * this.#window;
    this.#add(state, this.#prices, first, first + filled);
  }

  /** Adds `values` from `from` to `to` (exclusive) to the sum. */
  #add(state: number, values: Float64Array, from: number, to: number): void {
    let sum = this.#states[state + SUM] as number;
    let correction = this.#states[state + CORRECTION] as number;
    for (let i = from; i < to; i++) {
      const value = values[i] as number;
      const next = sum + value;
      correction += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
      sum = next;
    }
    this.#states[state + SUM] = sum;
    this.#states[state + CORRECTION] = correction;
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
