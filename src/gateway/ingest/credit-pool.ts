/** The part of the free space that only publishers below {@link SUBSISTENCE} are given from. */
const KEPT_BACK = 1 / 4;
/** Credit below which a publisher is given from what is kept back, ticks. */
const SUBSISTENCE = 256;

/** A publisher as the pool sees it. */
export interface CreditHolder {
  /** Ticks that the publisher may still send. */
  credit: number;
}

/**
 * How many ticks each publisher may send.
 *
 * Under `wait` the credits of all publishers together never exceed the free space of the fullest queue, so that a frame
 * within credit is always accepted, and credit once given is never taken back. Grants aim at equal shares; a part of the
 * free space is kept back for publishers that have next to nothing, so that idle holders cannot starve newcomers.
 *
 * Under the dropping policies a queue may always be sent to: credit is a constant window that bounds what is in flight.
 */
export class CreditPool {
  readonly #holders = new Set<CreditHolder>();
  readonly #freeSlots: (() => number) | undefined;
  readonly #window: number;
  /** Sum of all holders' credits, under `wait`. */
  #given = 0;

  /**
   * @param window the constant credit where nothing waits, ticks
   * @param freeSlots under `wait`: ticks that the fullest queue can take
   */
  constructor(window: number, freeSlots?: () => number) {
    this.#window = window;
    this.#freeSlots = freeSlots;
  }

  /** Whether credit follows the queues (`wait`) and must be asked before ticks are taken. */
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

  /** Takes the credit of ticks that came. The caller has checked that it suffices, where it binds. */
  spend(holder: CreditHolder, ticks: number): void {
    if (!this.isBinding) return;
    holder.credit -= ticks;
    this.#given -= ticks;
  }

  /** Raises a holder's credit as far as it may. */
  topUp(holder: CreditHolder): void {
    if (this.#freeSlots === undefined) {
      holder.credit = this.#window;
      return;
    }
    const free = this.#freeSlots();
    const available = free - this.#given;
    const share = this.#shareOf(free);
    const ample = Math.min(share - holder.credit, available - Math.ceil(free * KEPT_BACK));
    // No more than is left after it: however often a holder is topped up, some stays for the next.
    const modest = Math.ceil((available - holder.credit) / 2);
    const scarce = Math.min(Math.min(SUBSISTENCE, share) - holder.credit, modest);
    const grant = Math.max(0, ample, scarce);
    holder.credit += grant;
    this.#given += grant;
  }

  /** Whether a holder has its equal share of the space there is now: it may not get more. */
  hasShare(holder: CreditHolder): boolean {
    return this.#freeSlots !== undefined && holder.credit >= this.#shareOf(this.#freeSlots());
  }

  /** Whether `ticks` of nobody in particular (HTTP) fit without touching credit given out. */
  hasSpare(ticks: number): boolean {
    return this.#freeSlots === undefined || this.#freeSlots() - this.#given >= ticks;
  }

  #shareOf(free: number): number {
    // As if there were one more: what a newcomer will find.
    return Math.max(1, Math.floor(free / (this.#holders.size + 1)));
  }
}
