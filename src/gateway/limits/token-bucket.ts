/**
 * A rate limit: holds up to one second's worth, and fills at the rate. Times are of a clock that never jumps, ms.
 */
export class TokenBucket {
  #perSecond: number;
  #level: number;
  #filledAt: number;

  /** @param now at which it is full */
  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond;
    this.#level = perSecond;
    this.#filledAt = now;
  }

  /** Takes `amount` if there is as much; of more than a second's worth, what is missing is owed. */
  tryTake(amount: number, now: number): boolean {
    this.#fill(now);
    if (this.#level < Math.min(amount, this.#perSecond)) return false;
    this.#level -= amount;
    return true;
  }

  /** Takes `amount`, whatever there is: what is missing is owed. */
  charge(amount: number): void {
    this.#level -= amount;
  }

  /** When `amount` may be taken, ms from `now`; 0: at once. */
  waitMs(amount: number, now: number): number {
    this.#fill(now);
    const missing = Math.min(amount, this.#perSecond) - this.#level;
    return missing <= 0 ? 0 : Math.ceil((missing / this.#perSecond) * 1000);
  }

  /** Has another rate from `now` on. What was taken stays taken: nobody gets a full bucket by a change. */
  changeRate(perSecond: number, now: number): void {
    this.#fill(now);
    const used = this.#perSecond - this.#level;
    this.#perSecond = perSecond;
    this.#level = Math.min(perSecond, perSecond - used);
  }

  /** Whether it is as if it had never been used. */
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
