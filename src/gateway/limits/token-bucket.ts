/**
 * A rate limit. Holds up to one second's amount and fills at the rate. All times are on a clock
 * that never jumps, ms.
 */
export class TokenBucket {
  #perSecond: number;
  #level: number;
  #filledAt: number;

  /** @param now when the bucket is full, at the start */
  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond;
    this.#level = perSecond;
    this.#filledAt = now;
  }

  /** Takes `amount` if available. Amounts above one second's go into debt. */
  tryTake(amount: number, now: number): boolean {
    this.#fill(now);
    if (this.#level < Math.min(amount, this.#perSecond)) return false;
    this.#level -= amount;
    return true;
  }

  /** Takes `amount` unconditionally; a shortage becomes debt. */
  charge(amount: number): void {
    this.#level -= amount;
  }

  /** Time until `amount` can be taken, ms; 0: now. */
  waitMs(amount: number, now: number): number {
    this.#fill(now);
    const missing = Math.min(amount, this.#perSecond) - this.#level;
    return missing <= 0 ? 0 : Math.ceil((missing / this.#perSecond) * 1000);
  }

  /** Changes the rate. Keeps the amount taken: a change never fills the bucket. */
  changeRate(perSecond: number, now: number): void {
    this.#fill(now);
    const used = this.#perSecond - this.#level;
    this.#perSecond = perSecond;
    this.#level = Math.min(perSecond, perSecond - used);
  }

  /** Whether it is full, as if never used. */
  isFull(now: number): boolean {
    this.#fill(now);
    return this.#level === this.#perSecond;
  }

  #fill(now: number): void {
    const elapsedMs = Math.max(0, now - this.#filledAt);
    this.#filledAt = Math.max(now, this.#filledAt);
    this.#level = Math.min(this.#perSecond, this.#level + (elapsedMs / 1000) * this.#perSecond);
  }
}
