import { Zipf } from '../../loadgen/zipf.ts';
import { TickColumns } from '../../src/engine/memory/tick-ring.ts';
import { encodeFrame, Op } from '../../src/protocol/index.ts';
import { Random } from '../../testkit/random.ts';

const START_TIME = 1_700_000_000_000;
const PRICE = 100;
/** A step of a price, at most, to either side. */
const STEP_MAX = 0.01;
/** What each step takes back of the way from PRICE: a market that moves, but raises no anomaly. */
const PULL = 1e-3;

/**
 * Ticks in columns, made before the clock runs: symbols by Zipf's law, their ids in no order of
 * activity, prices in small steps that raise no anomaly, times in order. The same ones on every
 * machine.
 */
export class TickStream extends TickColumns {
  readonly length: number;
  readonly #durationMs: number;

  /** @param ticksPerMs how close together the ticks' times are */
  constructor(length: number, symbols: number, ticksPerMs: number) {
    super(length);
    this.length = length;
    this.#durationMs = length / ticksPerMs;
    const random = new Random(1);
    const activity = new Zipf(symbols, 1);
    const idByRank = random.sample(symbols, symbols);
    const last = new Float64Array(symbols).fill(PRICE);
    for (let i = 0; i < length; i++) {
      const symbolId = idByRank[activity.draw(random)] as number;
      const before = last[symbolId] as number;
      const price = before + (PRICE - before) * PULL + (random.float() - 0.5) * 2 * STEP_MAX;
      last[symbolId] = price;
      this.symbolIds[i] = symbolId;
      this.prices[i] = price;
      this.times[i] = START_TIME + Math.floor(i / ticksPerMs);
    }
  }

  /** Moves all times on by the stream's length: time never goes back when it is read again. */
  moveOn(): void {
    for (let i = 0; i < this.length; i++) {
      this.times[i] = (this.times[i] as number) + this.#durationMs;
    }
  }
}

/** What names a frame's symbols. */
export type Naming = 'alias' | 'name';

/**
 * TICKS frames in MessagePack as the SDK encodes them, together of `ticks` ticks. The alias of a
 * symbol is its place in `symbols`.
 */
export function tickFrames(
  ticks: number,
  ticksPerFrame: number,
  symbols: readonly string[],
  naming: Naming,
): readonly Uint8Array[] {
  const { symbolIds, prices, times } = new TickStream(ticks, symbols.length, 100);
  const frames: Uint8Array[] = [];
  for (let start = 0; start < ticks; start += ticksPerFrame) {
    const values: (number | string)[] = [];
    for (let i = start; i < Math.min(ticks, start + ticksPerFrame); i++) {
      const alias = symbolIds[i] as number;
      values.push(naming === 'alias' ? alias : (symbols[alias] as string));
      values.push(prices[i] as number, times[i] as number);
    }
    const frame = encodeFrame([Op.TICKS, frames.length + 1, values], 'binary') as Uint8Array;
    // A copy: the encoder's buffer is shared by many frames.
    frames.push(Uint8Array.from(frame));
  }
  return frames;
}
