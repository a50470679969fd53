/**
 * A seeded generator of random numbers (sfc32 by Chris Doty-Humphrey): the same seed gives the same
 * numbers on every machine. Not for secrets.
 */
export class Random {
  readonly #state = new Int32Array(4);

  /** @param seed a safe integer from 0 */
  constructor(seed: number) {
    this.#state[0] = seed | 0;
    this.#state[1] = Math.floor(seed / 2 ** 32) | 0;
    this.#state[2] = 0x2545f491;
    this.#state[3] = 1;
    for (let i = 0; i < 16; i++) this.uint32();
  }

  /** The next 32 bits, as an unsigned integer. */
  uint32(): number {
    const state = this.#state;
    const b = state[1] as number;
    const c = state[2] as number;
    const counter = state[3] as number;
    const sum = ((((state[0] as number) + b) | 0) + counter) | 0;
    state[3] = counter + 1;
    state[0] = b ^ (b >>> 9);
    state[1] = c + (c << 3);
    state[2] = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** A number from 0 to below 1. */
  float(): number {
    return this.uint32() / 2 ** 32;
  }

  /** An integer from 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.float() * end);
  }

  /** An integer from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  /** A number from `min` to below `max` whose logarithm is evenly distributed. */
  logUniform(min: number, max: number): number {
    return min * (max / min) ** this.float();
  }

  /** Whether something of this probability happens. */
  chance(probability: number): boolean {
    return this.float() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }

  /** `count` different integers below `bound` in random order; all where `count` is larger. */
  sample(count: number, bound: number): number[] {
    const numbers = Array.from({ length: bound }, (_, i) => i);
    const taken = Math.min(count, bound);
    for (let i = 0; i < taken; i++) {
      const j = i + this.below(bound - i);
      [numbers[i], numbers[j]] = [numbers[j] as number, numbers[i] as number];
    }
    return numbers.slice(0, taken);
  }
}
