/**
 * What was published, symbol by symbol, as the server must know it in the end when it dropped and
 * refused nothing: how many ticks, and the price and time of the newest.
 */
export class Ledger {
  #counts = new Float64Array(1024);
  #prices = new Float64Array(1024);
  #times = new Float64Array(1024);

  /** Notes a published tick. */
  note(symbol: number, price: number, time: number): void {
    if (symbol >= this.#counts.length) this.#grow(symbol);
    this.#counts[symbol] = (this.#counts[symbol] as number) + 1;
    // A late tick changes neither price nor time.
    if (time < (this.#times[symbol] as number)) return;
    this.#prices[symbol] = price;
    this.#times[symbol] = time;
  }

  /** What was published of `symbols`, those without a tick left out. */
  entries(symbols: readonly string[]): (LedgerEntry & { readonly count: number })[] {
    const published: (LedgerEntry & { readonly count: number })[] = [];
    for (const [i, symbol] of symbols.entries()) {
      const [count = 0, price = 0, time = 0] = [this.#counts[i], this.#prices[i], this.#times[i]];
      if (count > 0) published.push({ symbol, count, price, time });
    }
    return published;
  }

  #grow(symbol: number): void {
    const size = 2 ** Math.ceil(Math.log2(symbol + 1));
    const grown = (old: Float64Array) => {
      const array = new Float64Array(size);
      array.set(old);
      return array;
    };
    this.#counts = grown(this.#counts);
    this.#prices = grown(this.#prices);
    this.#times = grown(this.#times);
  }
}

/** The state that a symbol must have in the end. */
export interface LedgerEntry {
  readonly symbol: string;
  /** Ticks applied; undefined where others may have published the symbol before. */
  readonly count: number | undefined;
  readonly price: number;
  readonly time: number;
}
