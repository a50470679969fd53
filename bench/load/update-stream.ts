import { Zipf } from '../../loadgen/zipf.ts';
import { Random } from '../../testkit/random.ts';
import type { Updates } from '../wires/wire.ts';

/** Updates made beforehand and played in a loop. */
const STREAM_UPDATES = 1 << 18;
/** Prices start from 100 to 1000: a cent is 0.01 % at most. */
const PRICE_MIN = 100;
const PRICE_SPREAD = 900;
const STEP_MAX = 0.0009;
/**
 * How far a price goes from its start: any two are less than 2 % apart, so that no anomaly is due,
 * where the stream begins again neither.
 */
const RANGE = 0.009;
const CENTS = 100;

export interface StreamOptions {
  readonly symbols: number;
  /** How unequal activity is: 0 all symbols alike, 1 Zipf's law. */
  readonly zipfExponent: number;
  readonly seed: number;
}

/**
 * Random walks of prices, rounded to cents, no step beyond 0.1 %. The times are left for whoever
 * sends them.
 */
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

/**
 * Shares updates out, in order: each symbol's go to one of `parts`, so that theirs stay in order.
 */
export function divideUpdates(updates: Updates, parts: number): Updates[] {
  return Array.from({ length: parts }, (_, part) => {
    const picks: number[] = [];
    for (const [i, symbol] of updates.symbols.entries()) {
      if (symbol % parts === part) picks.push(i);
    }
    return pick(updates, picks);
  });
}

/** The first update of each symbol that has one. */
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
