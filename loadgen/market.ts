import { Random } from '../testkit/random.ts';
import type { Clock } from './clock.ts';
import type { Listing } from './demo-listings.ts';
import type { SourceBatch, TickSource } from './tick-source.ts';
import { Zipf } from './zipf.ts';

const BATCH_TICKS = 512;
/** Standard deviation of a price's relative change over one second. */
const VOLATILITY = 0.001;
const MS_PER_SECOND = 1000;
/** Uniform steps from -1 to 1 have a standard deviation of 1 / √3. */
const UNIFORM_TO_STANDARD = Math.sqrt(3);
/** A jump's size: beyond the usual threshold of 2 %, so that each raises an anomaly at least. */
const JUMP_MIN = 0.03;
const JUMP_SPREAD = 0.02;
/** Prices stay between half and twice their start. */
const RANGE = 2;
/**
 * Time between two ticks without a schedule where the clock did not move, ms: exact in float64 for
 * present times.
 */
const LEAST_STEP_MS = 2 ** -11;

export interface MarketOptions {
  /** The symbols, most active first, or how many to make up. */
  readonly symbols: number | readonly Listing[];
  readonly seed: number;
  /** Ticks a second; Infinity: as fast as they are taken. */
  readonly rate: number;
  /** How unequal activity is: 0 all symbols alike, 1 Zipf's law. */
  readonly zipfExponent: number;
  /** Probability that a tick jumps by 3 to 5 %. */
  readonly jumpProbability: number;
}

/**
 * A synthetic market: activity by Zipf's law, prices as random walks whose size follows the time
 * that passed, jumps at a known rate. Without jumps no anomaly is to be expected: 2 % in a second
 * would be 20 standard deviations.
 *
 * Under a rate, equal options give equal ticks: nothing depends on the machine's speed, times count
 * from the start.
 */
export class Market implements TickSource {
  readonly symbols: readonly string[];
  readonly isLive = true;
  /** Jumps made so far. */
  jumps = 0;
  /** The share of all ticks that each symbol has. */
  readonly weights: Float64Array;
  readonly #options: MarketOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #zipf: Zipf;
  readonly #startPrices: Float64Array;
  readonly #prices: Float64Array;
  /** Steps a price is rounded to: its fifth or sixth digit. */
  readonly #stepsPerUnit: Float64Array;
  readonly #lastMs: Float64Array;
  readonly #batch = {
    count: BATCH_TICKS,
    symbols: new Uint32Array(BATCH_TICKS),
    prices: new Float64Array(BATCH_TICKS),
    times: new Float64Array(BATCH_TICKS),
    dueMs: new Float64Array(BATCH_TICKS),
  };
  #ticks = 0;
  #startEpochMs = 0;
  #lastTime = 0;

  constructor(options: MarketOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#random = new Random(options.seed);
    const { symbols } = options;
    const listings = typeof symbols === 'number' ? madeUp(symbols, this.#random) : symbols;
    this.#zipf = new Zipf(listings.length, options.zipfExponent);
    this.weights = this.#zipf.weights;
    this.symbols = listings.map(({ symbol }) => symbol);
    this.#startPrices = Float64Array.from(listings, ({ price }) => price);
    this.#prices = this.#startPrices.slice();
    this.#stepsPerUnit = this.#startPrices.map(
      (price) => 10 ** (5 - Math.floor(Math.log10(price))),
    );
    this.#lastMs = new Float64Array(listings.length);
  }

  start(epochMs: number): void {
    this.#startEpochMs = epochMs;
  }

  next(): SourceBatch {
    const { symbols, prices, times, dueMs } = this.#batch;
    const msPerTick = MS_PER_SECOND / this.#options.rate;
    for (let i = 0; i < BATCH_TICKS; i++) {
      const due = msPerTick > 0 ? this.#ticks++ * msPerTick : Number.NaN;
      const time = msPerTick > 0 ? this.#startEpochMs + due : this.#timeWithoutSchedule();
      const symbol = this.#zipf.draw(this.#random);
      symbols[i] = symbol;
      times[i] = time;
      dueMs[i] = due;
      prices[i] = this.#step(symbol, time - this.#startEpochMs);
    }
    return this.#batch;
  }

  // No two ticks have the same time, so that each is told apart when it arrives.
  #timeWithoutSchedule(): number {
    this.#lastTime = Math.max(this.#clock.now(), this.#lastTime + LEAST_STEP_MS);
    return this.#lastTime;
  }

  #step(symbol: number, nowMs: number): number {
    const passedMs = nowMs - (this.#lastMs[symbol] as number);
    this.#lastMs[symbol] = nowMs;
    const deviation = VOLATILITY * Math.sqrt(passedMs / MS_PER_SECOND) * UNIFORM_TO_STANDARD;
    let change = (this.#random.float() * 2 - 1) * deviation;
    if (this.#random.float() < this.#options.jumpProbability) change += this.#jump();
    const start = this.#startPrices[symbol] as number;
    let price = (this.#prices[symbol] as number) * (1 + change);
    if (price > start * RANGE || price < start / RANGE) price /= (1 + change) ** 2;
    this.#prices[symbol] = price;
    const steps = this.#stepsPerUnit[symbol] as number;
    return Math.round(price * steps) / steps;
  }

  #jump(): number {
    this.jumps++;
    const size = JUMP_MIN + JUMP_SPREAD * this.#random.float();
    return this.#random.float() < 0.5 ? -size : size;
  }
}

/** Prices from 1 to 100 000, every order of magnitude alike. */
function madeUp(count: number, random: Random): readonly Listing[] {
  return Array.from({ length: count }, (_, i) => {
    return { symbol: `SYM-${String(i).padStart(5, '0')}`, price: 10 ** (5 * random.float()) };
  });
}
