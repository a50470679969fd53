const POINTS_MAX = 60;
const SAMPLE_MS = 250;
/** After a gap this long, what was seen before says nothing about now. */
const GAP_MS = 60_000;

/** The last 60 prices seen of a symbol, at most four a second. */
export class PriceTrail {
  readonly times = new Float64Array(POINTS_MAX);
  readonly prices = new Float64Array(POINTS_MAX);
  readonly averages = new Float64Array(POINTS_MAX);
  length = 0;
  #sampledAtMs = Number.NEGATIVE_INFINITY;

  /** Takes in a price at a time; returns whether it became a point of its own. */
  add(nowMs: number, time: number, price: number, average: number): boolean {
    const sincePointMs = nowMs - this.#sampledAtMs;
    if (sincePointMs > GAP_MS) this.length = 0;
    const isNew = sincePointMs >= SAMPLE_MS;
    if (isNew) {
      this.#sampledAtMs = nowMs;
      if (this.length === POINTS_MAX) this.#shift();
      else this.length++;
    }
    const last = this.length - 1;
    this.times[last] = time;
    this.prices[last] = price;
    this.averages[last] = average;
    return isNew;
  }

  #shift(): void {
    for (const column of [this.times, this.prices, this.averages]) column.copyWithin(0, 1);
  }
}
