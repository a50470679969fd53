/** A value a second over the last two minutes. */
const RATE_SLOTS = 120;

/** The last values of a rate, for a sparkline. */
export class RateHistory {
  readonly values = new Float64Array(RATE_SLOTS);
  length = 0;

  add(value: number): void {
    if (this.length === RATE_SLOTS) this.values.copyWithin(0, 1);
    else this.length++;
    this.values[this.length - 1] = value;
  }

  clear(): void {
    this.length = 0;
  }
}
