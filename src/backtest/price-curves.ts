/** Points of a curve at most; then each two become one. */
const POINTS_MAX = 1600;
const FIRST_STEP_MS = 100;

/** Least and greatest price of a stretch of time, ms since the epoch. */
export interface CurvePoint {
  readonly time: number;
  readonly low: number;
  readonly high: number;
}

/** The prices of each symbol over time, for charts: memory does not grow with the ticks. */
export class PriceCurves {
  readonly #curves = new Map<string, Curve>();

  add(symbol: string, time: number, price: number): void {
    let curve = this.#curves.get(symbol);
    if (curve === undefined) {
      curve = new Curve();
      this.#curves.set(symbol, curve);
    }
    curve.add(time, price);
  }

  /** In the order of time. */
  points(symbol: string): CurvePoint[] {
    return this.#curves.get(symbol)?.points() ?? [];
  }
}

class Curve {
  #stepMs = FIRST_STEP_MS;
  #low = new Map<number, number>();
  #high = new Map<number, number>();

  add(time: number, price: number): void {
    widen(this.#low, this.#high, Math.floor(time / this.#stepMs), price, price);
    while (this.#low.size > POINTS_MAX) this.#halve();
  }

  points(): CurvePoint[] {
    return [...this.#low]
      .sort(([a], [b]) => a - b)
      .map(([step, low]) => ({
        time: step * this.#stepMs,
        low,
        high: this.#high.get(step) as number,
      }));
  }

  #halve(): void {
    const low = new Map<number, number>();
    const high = new Map<number, number>();
    for (const [step, least] of this.#low) {
      widen(low, high, Math.floor(step / 2), least, this.#high.get(step) as number);
    }
    this.#stepMs *= 2;
    this.#low = low;
    this.#high = high;
  }
}

function widen(
  lows: Map<number, number>,
  highs: Map<number, number>,
  step: number,
  low: number,
  high: number,
): void {
  lows.set(step, Math.min(low, lows.get(step) ?? low));
  highs.set(step, Math.max(high, highs.get(step) ?? high));
}
