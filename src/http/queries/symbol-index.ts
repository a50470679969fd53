/** New symbols sorted at a time: a few ms, so that sessions are not delayed. */
const CHUNK = 4096;

/**
 * Symbol ids in the order of their symbols' UTF-16 code units. Built at the first query, and
 * extended piece by piece when there are new symbols.
 */
export class SymbolIndex {
  /** Every symbol in the order of ids; only grows. */
  readonly #names: readonly string[];
  #sorted: number[] = [];
  #extension: Promise<void> | undefined;

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  /** Adds the new symbols. */
  async refresh(): Promise<void> {
    if (this.#sorted.length === this.#names.length) return;
    this.#extension ??= this.#extend();
    await this.#extension;
  }

  /**
   * The ids of the symbols that start with `prefix` and follow `after`, in order. Valid until the
   * next {@link refresh}.
   */
  *from(prefix: string, after: string): Iterable<number> {
    const sorted = this.#sorted;
    const isPast =
      after >= prefix ? (name: string) => name > after : (name: string) => name >= prefix;
    for (let i = this.#firstWhere(isPast); i < sorted.length; i++) {
      const symbolId = sorted[i] as number;
      if (!this.#name(symbolId).startsWith(prefix)) return;
      yield symbolId;
    }
  }

  /** The first position whose symbol passes a test that all later ones pass, too. */
  #firstWhere(isPast: (name: string) => boolean): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isPast(this.#name(this.#sorted[middle] as number))) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  async #extend(): Promise<void> {
    // Runs of halving length, as in a merge sort: each id is merged a logarithmic number of times.
    const runs: number[][] = [];
    const end = this.#names.length;
    for (let start = this.#sorted.length; start < end; start += CHUNK) {
      const ids = Array.from({ length: Math.min(CHUNK, end - start) }, (_, i) => start + i);
      let run = ids.sort((a, b) => (this.#name(a) < this.#name(b) ? -1 : 1));
      while ((runs.at(-1)?.length ?? Number.POSITIVE_INFINITY) <= run.length) {
        run = this.#merge(runs.pop() as number[], run);
      }
      runs.push(run);
      await new Promise(setImmediate);
    }
    this.#sorted = [this.#sorted, ...runs].reduceRight((all, run) => this.#merge(run, all), []);
    this.#extension = undefined;
  }

  #merge(left: readonly number[], right: readonly number[]): number[] {
    const merged: number[] = [];
    let l = 0;
    let r = 0;
    while (l < left.length && r < right.length) {
      const a = left[l] as number;
      const b = right[r] as number;
      if (this.#name(a) < this.#name(b)) {
        merged.push(a);
        l++;
      } else {
        merged.push(b);
        r++;
      }
    }
    for (; l < left.length; l++) merged.push(left[l] as number);
    for (; r < right.length; r++) merged.push(right[r] as number);
    return merged;
  }

  #name(symbolId: number): string {
    return this.#names[symbolId] as string;
  }
}
