import { Zipf } from '../../loadgen/zipf.ts';
import { Random } from '../../testkit/random.ts';
import type { Updates } from '../wires/wire.ts';

/** Prepared updates, played in a loop. */
const STREAM_UPDATES = 1 << 18;
/** Starting prices are 100 to 1000: a cent is at most 0.01 %. */
const PRICE_MIN = 100;
const PRICE_SPREAD = 900;
const STEP_MAX = 0.0009;
/**
 * Largest distance from the starting price. Any two prices are under 2 % apart, so that no anomaly
 * is due, not even where the loop wraps.
 */
const RANGE = 0.009;
const CENTS = 100;

export interface StreamOptions {
  readonly symbols: number;
  /** 0: all symbols equally active; 1: Zipf's law. */
  readonly zipfExponent: number;
  readonly seed: number;
}

/** Random walks in whole cents, no step beyond 0.1 %. The sender fills in the times. */
export function makeUpdates({ symbols, zipfExponent, seed }: StreamOptions): Updates {
  const random = new Random(seed);
  const zipf = new Zipf(symbols, zipfExponent);
  const starts = Float64Array.from({ length: symbols }, () => {
    return PRICE_MIN + PRICE_SPREAD * random.float();
  });
  const last = starts.slice();
  const updates = emptyUpdates(STREAM_UPDATES);
  for (let i = 0; i < STREAM_UPDATES; i++) {
    const symbol = zipf.draw(random);
    const price = stepFrom(last[symbol] as number, starts[symbol] as number, random);
    last[symbol] = price;
    updates.symbols[i] = symbol;
    updates.prices[i] = Math.round(price * CENTS) / CENTS;
  }
  return updates;
}

export function emptyUpdates(count: number): Updates {
  return {
    symbols: new Int32Array(count),
    prices: new Float64Array(count),
    times: new Float64Array(count),
  };
}

/** Divides updates among `parts` in order; a symbol's stay in one part. */
export function divideUpdates(updates: Updates, parts: number): Updates[] {
  return Array.from({ length: parts }, (_, part) => {
    const picks: number[] = [];
    for (const [i, symbol] of updates.symbols.entries()) {
      if (symbol % parts === part) picks.push(i);
    }
    return pick(updates, picks);
  });
}

/** The first update of each symbol. */
export function firstOfEach(updates: Updates): Updates {
  const firsts = new Map<number, number>();
  for (const [i, symbol] of updates.symbols.entries()) {
    if (!firsts.has(symbol)) firsts.set(symbol, i);
  }
  return pick(updates, [...firsts.values()]);
}

function pick({ symbols, prices, times }: Updates, places: readonly number[]): Updates {
  return {
    symbols: Int32Array.from(places, (i) => symbols[i] as number),
    prices: Float64Array.from(places, (i) => prices[i] as number),
    times: Float64Array.from(places, (i) => times[i] as number),
  };
}

function stepFrom(last: number, start: number, random: Random): number {
  const change = 1 + (random.float() * 2 - 1) * STEP_MAX;
  const next = last * change;
  return Math.abs(next / start - 1) > RANGE ? last / change : next;
}
