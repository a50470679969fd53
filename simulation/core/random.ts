/** A sequence of numbers that looks random and is decided by its seed alone (sfc32, after Doty-Humphrey). */
export class Random {
  readonly #state = new Int32Array(4);

  /** @param seed a safe integer from 0 */
  constructor(seed: number) {
    this.#state[0] = seed | 0;
    this.#state[1] = Math.floor(seed / 2 ** 32) | 0;
    this.#state[2] = 0x2545f491;
    this.#state[3] = 1;
    for (let i = 0; i < 16; i++) this.integer();
  }

  /** An integer from 0 to 2^32 - 1. */
  integer(): number {
    const state = this.#state;
    const [a, b, c, counter] = state as unknown as [number, number, number, number];
    const sum = (((a + b) | 0) + counter) | 0;
    state[3] = counter + 1;
    state[0] = b ^ (b >>> 9);
    state[1] = c + (c << 3);
    state[2] = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** From 0 to below 1. */
  share(): number {
    return this.integer() / 2 ** 32;
  }

  /** An integer from 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.share() * end);
  }

  /** An integer from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  /** A number from `min` to below `max`, small ones as likely as large ones on a scale of powers. */
  scaled(min: number, max: number): number {
    return min * (max / min) ** this.share();
  }

  isLucky(probability: number): boolean {
    return this.share() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }
}
