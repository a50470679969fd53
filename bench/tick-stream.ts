/** Ticks for benchmarks, made before the clock runs: symbols of unequal activity, prices in small steps. */
export class TickStream {
  readonly symbolIds: Int32Array;
  readonly prices: Float64Array;
  readonly times: Float64Array;
  readonly offeredAt: Float64Array;

  /** @param ticksPerMs how far apart the ticks' times are */
  constructor(count: number, symbols: number, ticksPerMs: number) {
    this.symbolIds = new Int32Array(count);
    this.prices = new Float64Array(count);
    this.times = new Float64Array(count);
    this.offeredAt = new Float64Array(count);
    const last = new Float64Array(symbols).fill(100);
    let state = 1;
    const random = () => {
      // Lehmer's generator: the same stream on every machine.
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    for (let i = 0; i < count; i++) {
      const symbolId = Math.floor(symbols * random() ** 2);
      const price = (last[symbolId] as number) * (1 + (random() - 0.5) * 1e-3);
      last[symbolId] = price;
      this.symbolIds[i] = symbolId;
      this.prices[i] = price;
      this.times[i] = 1_700_000_000_000 + Math.floor(i / ticksPerMs);
    }
  }
}
