import type { MarketTick } from '../../testkit/independent/statistics.ts';

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface MarketOptions {
  readonly seed: number;
  readonly symbols: readonly string[];
  readonly ticks: number;
}

const START = 1_700_000_000_000;

/** A made-up market: random walks with jumps, late ticks, equal times and fractions of a ms. */
export function seededMarket({ seed, symbols, ticks }: MarketOptions): MarketTick[] {
  const random = seededRandom(seed);
  const prices = symbols.map(() => Math.exp(random() * 12 - 4));
  let time = START;
  return Array.from({ length: ticks }, () => {
    const index = Math.floor(random() ** 2 * symbols.length);
    const isJump = random() < 0.01;
    const step = (random() - 0.5) * (isJump ? 0.12 : 0.002);
    const price = (prices[index] as number) * (1 + step);
    prices[index] = price;
    if (random() < 0.7) time += Math.floor(random() * 20) / 4;
    const isLate = random() < 0.02;
    return { symbol: symbols[index] as string, price, time: isLate ? time - 50 : time };
  });
}
