import type { Random } from '../testkit/random.ts';

/**
 * Draws ranks by Zipf's law: rank i (from 0) with a weight of 1 / (i + 1)^exponent. One random
 * number and two look-ups a draw, however many ranks there are (Vose's alias method).
 */
export class Zipf {
  /** The probability of each rank; their sum is 1. */
  readonly weights: Float64Array;
  readonly #threshold: Float64Array;
  readonly #other: Uint32Array;

  /** @param exponent 0: all ranks alike; 1: the classic law */
  constructor(ranks: number, exponent: number) {
    this.weights = Float64Array.from({ length: ranks }, (_, i) => (i + 1) ** -exponent);
    const total = this.weights.reduce((sum, weight) => sum + weight, 0);
    this.weights = this.weights.map((weight) => weight / total);
    this.#threshold = new Float64Array(ranks).fill(1);
    this.#other = Uint32Array.from({ length: ranks }, (_, i) => i);
    this.#fillTables();
  }

  draw(random: Random): number {
    const scaled = random.float() * this.#threshold.length;
    const rank = Math.floor(scaled);
    // The fraction left over is as good as a second random number.
    return scaled - rank < (this.#threshold[rank] as number) ? rank : (this.#other[rank] as number);
  }

  // Each column of height 1 holds a rank and the alias that fills it up: poor ranks are paired with
  // rich ones.
  #fillTables(): void {
    const scaled = this.weights.map((weight) => weight * this.weights.length);
    const poor: number[] = [];
    const rich: number[] = [];
    for (const [rank, weight] of scaled.entries()) (weight < 1 ? poor : rich).push(rank);
    while (poor.length > 0 && rich.length > 0) {
      const small = poor.pop() as number;
      const large = rich.pop() as number;
      this.#threshold[small] = scaled[small] as number;
      this.#other[small] = large;
      const left = (scaled[large] as number) - (1 - (scaled[small] as number));
      scaled[large] = left;
      (left < 1 ? poor : rich).push(large);
    }
  }
}
