import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { MarketTick } from './independent/statistics.ts';
import { Random } from './random.ts';

/** The environment variable that names a file of recorded ticks. */
export const TICKS_VARIABLE = 'TICKWIRE_TICKS';

/**
 * Reads recorded ticks: CSV with the columns `time`, `symbol`, `price` in any order among others,
 * gzipped where the name ends in `.gz`. Quoted fields are not supported.
 *
 * @throws Error naming the line that cannot be read
 */
export function readTicks(path: string): MarketTick[] {
  const bytes = readFileSync(path);
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  const [head = '', ...lines] = text.split(/\r?\n/);
  const columns = head.split(',');
  const [timeAt, symbolAt, priceAt] = ['time', 'symbol', 'price'].map((name) => {
    const at = columns.indexOf(name);
    if (at < 0) throw new Error(`${path}: no column "${name}" in its first line`);
    return at;
  }) as [number, number, number];
  return lines.flatMap((line, index) => {
    if (line === '') return [];
    const fields = line.split(',');
    const symbol = fields[symbolAt] ?? '';
    const price = Number(fields[priceAt]);
    const time = Number(fields[timeAt]);
    if (symbol === '' || !(price > 0) || !(time >= 0)) {
      throw new Error(`${path}:${index + 2}: not a tick: ${line}`);
    }
    return [{ symbol, price, time }];
  });
}

/** The recorded ticks that the environment names; undefined when it names none. */
export function recordedTicks(): MarketTick[] | undefined {
  const path = process.env[TICKS_VARIABLE];
  return path === undefined || path === '' ? undefined : readTicks(path);
}

export interface MarketOptions {
  readonly seed: number;
  readonly symbols: readonly string[];
  readonly ticks: number;
}

const START = 1_700_000_000_000;

/** A made-up market: random walks with jumps, late ticks, equal times and fractions of a ms. */
export function seededMarket({ seed, symbols, ticks }: MarketOptions): MarketTick[] {
  const random = new Random(seed);
  const prices = symbols.map(() => Math.exp(random.float() * 12 - 4));
  let time = START;
  return Array.from({ length: ticks }, () => {
    const index = Math.floor(random.float() ** 2 * symbols.length);
    const isJump = random.chance(0.01);
    const step = (random.float() - 0.5) * (isJump ? 0.12 : 0.002);
    const price = (prices[index] as number) * (1 + step);
    prices[index] = price;
    if (random.chance(0.7)) time += Math.floor(random.float() * 20) / 4;
    const isLate = random.chance(0.02);
    return { symbol: symbols[index] as string, price, time: isLate ? time - 50 : time };
  });
}
