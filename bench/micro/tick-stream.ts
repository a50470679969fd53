import { Zipf } from '../../loadgen/zipf.ts';
import { TickColumns } from '../../src/engine/memory/tick-ring.ts';
import { encodeFrame, Op } from '../../src/protocol/index.ts';
import { Random } from '../../testkit/random.ts';

const START_TIME = 1_700_000_000_000;
const PRICE = 100;
/** Largest price step, either way. */
const STEP_MAX = 0.01;
/** Pull of each step back towards PRICE: the market moves but raises no anomaly. */
const PULL = 1e-3;

/**
 * Ticks in columns, prepared in advance and the same on every machine: symbols by Zipf's law, ids
 * unrelated to activity, price steps too small for anomalies, times in order.
 */
export class TickStream extends TickColumns {
  readonly length: number;
  readonly #durationMs: number;

  /** @param ticksPerMs density of the ticks' times */
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

  /** Shifts all times by the stream's length, so that time never goes back on a replay. */
  moveOn(): void {
    for (let i = 0; i < this.length; i++) {
      this.times[i] = (this.times[i] as number) + this.#durationMs;
    }
  }
}

/** How a frame names symbols. */
export type Naming = 'alias' | 'name';

/**
 * TICKS frames in MessagePack as the SDK encodes them, `ticks` ticks in total. A symbol's alias is
 * its index in `symbols`.
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
    // Copied: the encoder reuses its buffer.
    frames.push(Uint8Array.from(frame));
  }
  return frames;
}
