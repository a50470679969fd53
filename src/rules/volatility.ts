import type { EffectiveRule } from './effective-rule.ts';
import { Move } from './move.ts';
import {
  HISTORY_DOUBLES,
  MAD_FROM,
  MAD_RING,
  SAMPLE_DOUBLES,
  Sample,
  type SlotView,
} from './rule-memory.ts';
import type { SigmaSettings } from './rule-types.ts';

/** After more buckets without a sample, nothing is learned. */
const SKIP_MAX = 300;
/** A sample counts at most this many times the variance. */
const OUTLIER = 16;
/** From the median of |r| to a standard deviation. */
const MAD_SCALE = 1.4826;

/** Variance of a symbol's returns, sampled on a grid of time. One thread; allocates nothing. */
export class Volatility {
  readonly #move: Float64Array;
  readonly #sorted = new Float64Array(MAD_RING);

  constructor(move: Float64Array) {
    this.#move = move;
  }

  /** Takes the sample that is due before the tick in `move` is judged. */
  sample(rule: EffectiveRule, sigma: SigmaSettings, slot: SlotView, symbolId: number): void {
    const move = this.#move;
    const last = move[Move.LAST_PRICE] as number;
    if (last === 0) return;
    const { sampleMs } = sigma;
    const bucket = Math.floor((move[Move.LAST_TIME] as number) / sampleMs);
    const passed = Math.floor((move[Move.TIME] as number) / sampleMs) - bucket;
    if (passed <= 0) return;
    const { samples } = slot;
    const at = symbolId * SAMPLE_DOUBLES;
    const before = samples[at + Sample.PRICE] as number;
    samples[at + Sample.PRICE] = last;
    if (before === 0 || passed > SKIP_MAX) return;
    const change = (last - before) / before;
    const count = samples[at + Sample.COUNT] as number;
    samples[at + Sample.COUNT] = count + 1;
    if (sigma.scale === 'mad') {
      const ring = symbolId * HISTORY_DOUBLES + MAD_FROM;
      slot.histories[ring + (count % MAD_RING)] = Math.abs(change) / Math.sqrt(passed);
      this.#takeMedian(slot, symbolId, Math.min(count + 1, MAD_RING));
      return;
    }
    const v = samples[at + Sample.V] as number;
    let u = Math.min(change * change, 1) / passed;
    if (count >= sigma.warmup) u = Math.min(u, OUTLIER * v);
    samples[at + Sample.V] = v + Math.max(rule.sampleWeight, 1 / (count + 1)) * (u - v);
  }

  /** Whether there are samples enough. */
  isWarm({ warmup }: SigmaSettings, slot: SlotView, symbolId: number): boolean {
    return (slot.samples[symbolId * SAMPLE_DOUBLES + Sample.COUNT] as number) >= warmup;
  }

  /** Sets the variance from the median of a ring's first `count` values. */
  #takeMedian({ histories, samples }: SlotView, symbolId: number, count: number): void {
    const sorted = this.#sorted;
    const ring = symbolId * HISTORY_DOUBLES + MAD_FROM;
    for (let i = 0; i < count; i++) {
      const value = histories[ring + i] as number;
      let at = i;
      while (at > 0 && (sorted[at - 1] as number) > value) {
        sorted[at] = sorted[at - 1] as number;
        at--;
      }
      sorted[at] = value;
    }
    const upper = sorted[count >> 1] as number;
    const lower = sorted[(count >> 1) - 1] as number;
    const scaled = MAD_SCALE * ((count & 1) === 1 ? upper : (lower + upper) / 2);
    samples[symbolId * SAMPLE_DOUBLES + Sample.V] = scaled * scaled;
  }
}
