/** Fraction of the free space reserved for publishers below {@link SUBSISTENCE}. */
const RESERVE = 1 / 4;
/** Credit below which a publisher may draw on the reserve, ticks. */
const SUBSISTENCE = 256;

/** A publisher as the pool sees it. */
export interface CreditHolder {
  /** Ticks that the publisher may still send. */
  credit: number;
  /** Ticks of the largest frame that it may have to send again, which cannot be cut to fit. */
  readonly frameTicks: number;
}

/**
 * Decides how many ticks each publisher may send.
 *
 * Under `wait` the credits of all publishers together never exceed the free space of the fullest
 * queue: a frame within credit is always accepted, and credit is never revoked. Grants aim at equal
 * shares. Part of the space is reserved for publishers that have next to nothing, so that idle
 * holders cannot starve newcomers, and where the space allows, each has credit for a whole frame.
 *
 * Under the dropping policies a queue always takes ticks: credit is a constant window that bounds
 * what is in flight.
 */
export class CreditPool {
  readonly #holders = new Set<CreditHolder>();
  readonly #freeSlots: (() => number) | undefined;
  readonly #window: number;
  /** Sum of all holders' credits, under `wait`. */
  #given = 0;

  /**
   * @param window the constant credit under the dropping policies, ticks
   * @param freeSlots under `wait`: free slots of the fullest queue
   */
  constructor(window: number, freeSlots?: () => number) {
    this.#window = window;
    this.#freeSlots = freeSlots;
  }

  /** Whether credit follows the queues (`wait`) and must be checked before ticks are accepted. */
  get isBinding(): boolean {
    return this.#freeSlots !== undefined;
  }

  add(holder: CreditHolder): void {
    this.#holders.add(holder);
    holder.credit = 0;
    this.topUp(holder);
  }

  remove(holder: CreditHolder): void {
    if (!this.#holders.delete(holder)) return;
    if (this.isBinding) this.#given -= holder.credit;
    holder.credit = 0;
  }

  /**
   * Spends credit for accepted ticks. Where credit is binding, the caller has checked that it
   * suffices.
   */
  spend(holder: CreditHolder, ticks: number): void {
    if (!this.isBinding) return;
    holder.credit -= ticks;
    this.#given -= ticks;
  }

  /** Grants a holder the credit that it may have now. */
  topUp(holder: CreditHolder): void {
    if (this.#freeSlots === undefined) {
      holder.credit = this.#window;
      return;
    }
    const free = this.#freeSlots();
    const available = free - this.#given;
    const share = this.#shareOf(free);
    const ample = Math.min(share - holder.credit, available - Math.ceil(free * RESERVE));
    // At most half of the rest: however often a holder is topped up, some stays for the next.
    const modest = Math.ceil((available - holder.credit) / 2);
    const scarce = Math.min(Math.min(SUBSISTENCE, share) - holder.credit, modest);
    // All of a frame or nothing: a part would only keep the space from others.
    const missing = holder.frameTicks - holder.credit;
    const whole = 2 * missing <= available ? missing : 0;
    const grant = Math.max(0, ample, scarce, whole);
    holder.credit += grant;
    this.#given += grant;
  }

  /** Whether a holder has its equal share of the space that is free now. */
  hasShare(holder: CreditHolder): boolean {
    return this.#freeSlots !== undefined && holder.credit >= this.#shareOf(this.#freeSlots());
  }

  /** Whether `ticks` of an HTTP request, which holds no credit, fit beside the granted credit. */
  hasSpare(ticks: number): boolean {
    return this.#freeSlots === undefined || this.#freeSlots() - this.#given >= ticks;
  }

  #shareOf(free: number): number {
    // Counts one more holder, so that a newcomer has a share.
    return Math.max(1, Math.floor(free / (this.#holders.size + 1)));
  }
}
