/** The newest anomalies or alerts of several symbols, by time. */
export class RecentItems<Item> {
  readonly #max: number;
  readonly #timeOf: (item: Item) => number;
  /** Oldest first. Sometimes twice as many as asked for, so that few are moved. */
  #kept: Item[] = [];
  #newest: readonly Item[] | undefined;

  /**
   * @param max most items kept
   * @param timeOf an item, ms since the Unix epoch
   */
  constructor(max: number, timeOf: (item: Item) => number) {
    this.#max = max;
    this.#timeOf = timeOf;
  }

  // After a reconnect, what was missed arrives symbol by symbol.
  add(item: Item): void {
    const kept = this.#kept;
    const time = this.#timeOf(item);
    let at = kept.length;
    while (at > 0 && this.#timeOf(kept[at - 1] as Item) > time) at--;
    kept.splice(at, 0, item);
    if (kept.length >= 2 * this.#max) this.#kept = kept.slice(-this.#max);
    this.#newest = undefined;
  }

  /** The newest first, frozen; the same array until it would differ. */
  newest(count: number): readonly Item[] {
    const length = Math.min(count, this.#max, this.#kept.length);
    if (this.#newest?.length === length) return this.#newest;
    this.#newest = Object.freeze(this.#kept.slice(this.#kept.length - length).reverse());
    return this.#newest;
  }
}
