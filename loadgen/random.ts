/**
 * A seeded generator of random numbers (xoshiro128**): the same seed gives the same numbers, on
 * every machine. Not for secrets.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** @param seed any integer; the lowest 32 bits count */
  constructor(seed: number) {
    // The state must not be all zero, and seeds close together must not give like streams:
    // splitmix32 spreads them.
    let mixed = seed | 0;
    const next = () => {
      mixed = (mixed + 0x9e3779b9) | 0;
      let z = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return z ^ (z >>> 15);
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next();
  }

  /** The next 32 bits, as an unsigned integer. */
  uint32(): number {
    const scrambled = Math.imul(this.#b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result >>> 0;
  }

  /** A number at or above 0 and below 1. */
  unit(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** An integer at or above 0 and below `bound`. */
  below(bound: number): number {
    return Math.floor(this.unit() * bound);
  }

  /**
   * `count` different integers below `bound`, in random order; all of them where `count` is not
   * below `bound`.
   */
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
