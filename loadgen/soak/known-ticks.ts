/** One tick of a stream; `symbol` is an index. */
export interface KnownTick {
  readonly symbol: number;
  readonly price: number;
  /** Ms since the epoch. */
  readonly time: number;
  /** Whether the server must refuse it. */
  readonly isBad: boolean;
}

export interface KnownTicksOptions {
  readonly seed: number;
  readonly symbols: readonly string[];
  /** The time of the first tick, whole ms since the epoch. */
  readonly startMs: number;
  /** Between two ticks, ms. */
  readonly intervalMs: number;
  /** The share of ticks that break a rule, 0 to 1. */
  readonly badShare: number;
  /** One tick of so many jumps, and raises anomalies as long as windows hold it. */
  readonly ticksPerJump?: number;
}

const BASE_PRICE = 100;
/** Ordinary prices stay within this share of their base: far from the threshold of an anomaly. */
const NOISE = 0.006;
const TICKS_PER_JUMP = 4000;
/** By this factor. */
const JUMP = 1.05;
/** This share of ticks is late, by so many ms. */
const LATE_SHARE = 0.02;
const LATE_MS = 250;

/**
 * A stream of ticks of which any can be told by its number alone: whoever knows which numbers a
 * server took can work out what it must know, also in another process than the one that sent them.
 */
export class KnownTicks {
  readonly symbols: readonly string[];
  readonly intervalMs: number;
  readonly startMs: number;
  readonly #seed: number;
  readonly #badShare: number;
  readonly #ticksPerJump: number;

  constructor(options: KnownTicksOptions) {
    const { seed, symbols, startMs, intervalMs, badShare, ticksPerJump } = options;
    this.symbols = symbols;
    this.startMs = startMs;
    this.intervalMs = intervalMs;
    this.#seed = mix(seed, 0x5eed);
    this.#badShare = badShare;
    this.#ticksPerJump = ticksPerJump ?? TICKS_PER_JUMP;
  }

  /** @param index from 0 */
  at(index: number): KnownTick {
    const first = mix(this.#seed, index);
    const second = mix(first, 1);
    const third = mix(first, 2);
    const symbol = first % this.symbols.length;
    const noise = 1 + (second / 2 ** 32 - 0.5) * NOISE;
    const jump = third % this.#ticksPerJump === 0 ? JUMP : 1;
    const price = (BASE_PRICE + symbol) * noise * jump;
    const isBad = mix(first, 3) / 2 ** 32 < this.#badShare;
    const lateMs = mix(first, 4) / 2 ** 32 < LATE_SHARE ? LATE_MS : 0;
    const time = Math.floor(this.startMs + index * this.intervalMs) - lateMs;
    return { symbol, price: isBad ? -price : price, time, isBad };
  }
}

/** A hash of two numbers, 32 bits (the finalizer of MurmurHash3 over both). */
function mix(a: number, b: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x7f4a7c15, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
