import type { OracleRule, OracleSigmaSettings, PastTick } from './rule-definitions.ts';

/** Variance of a symbol's returns, sampled on a grid of time. */
export class RuleVolatility {
  readonly #sigma: OracleSigmaSettings;
  /** Returns over the grid: r, and the buckets passed. */
  readonly #samples: { r: number; m: number }[] = [];
  #lastSample: number | undefined;
  #v = 0;

  constructor({ sigma }: OracleRule) {
    this.#sigma = { sampleMs: 1000, halfLifeMs: 300_000, warmup: 60, scale: 'ewma', ...sigma };
  }

  get sampleMs(): number {
    return this.#sigma.sampleMs;
  }

  get isWarm(): boolean {
    return this.#samples.length >= this.#sigma.warmup;
  }

  /** The sample at the end of the bucket before, if a tick at `time` begins another one. */
  sample(before: PastTick, time: number): void {
    const { sampleMs, halfLifeMs, warmup } = this.#sigma;
    const m = Math.floor(time / sampleMs) - Math.floor(before.time / sampleMs);
    if (m === 0) return;
    const s = before.price;
    const s0 = this.#lastSample;
    this.#lastSample = s;
    if (s0 === undefined || m > 300) return;
    const r = (s - s0) / s0;
    let u = Math.min(r * r, 1) / m;
    if (this.#samples.length >= warmup) u = Math.min(u, 16 * this.#v);
    this.#samples.push({ r, m });
    const lambda = 2 ** (-sampleMs / halfLifeMs);
    this.#v += Math.max(1 - lambda, 1 / this.#samples.length) * (u - this.#v);
  }

  get variance(): number {
    if (this.#sigma.scale !== 'mad') return this.#v;
    const last = this.#samples.slice(-31).map(({ r, m }) => Math.abs(r) / Math.sqrt(m));
    if (last.length === 0) return 0;
    last.sort((a, b) => a - b);
    const middle = last.length / 2;
    const median =
      last.length % 2 === 1
        ? (last[Math.floor(middle)] as number)
        : ((last[middle - 1] as number) + (last[middle] as number)) / 2;
    const scaled = 1.4826 * median;
    return scaled * scaled;
  }
}
