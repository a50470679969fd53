import type { SymbolTable } from '../../engine/index.ts';

/** New symbols sorted at a time: a few ms, so that sessions are not delayed. */
const CHUNK = 4096;

/** A symbol as it was when it was sorted; its id may be another's by now. */
interface Entry {
  readonly name: string;
  readonly symbolId: number;
  readonly wireId: number;
}

/**
 * Symbol ids in the order of their symbols' UTF-16 code units. Built at the first query, and
 * extended piece by piece when there are new symbols. Retired ones are skipped, and dropped with
 * the next extension.
 */
export class SymbolIndex {
  readonly #symbols: Pick<SymbolTable, 'names' | 'nextWireId' | 'wireId'>;
  #sorted: readonly Entry[] = [];
  /** Symbols with wire ids below are sorted. */
  #end = 0;
  #extension: Promise<void> | undefined;

  constructor(symbols: Pick<SymbolTable, 'names' | 'nextWireId' | 'wireId'>) {
    this.#symbols = symbols;
  }

  /** Adds the new symbols. */
  async refresh(): Promise<void> {
    if (this.#end === this.#symbols.nextWireId) return;
    this.#extension ??= this.#extend();
    await this.#extension;
  }

  /** The ids of the symbols that start with `prefix` and follow `after`, in order. */
  *from(prefix: string, after: string): Iterable<number> {
    const sorted = this.#sorted;
    const isPast =
      after >= prefix ? (name: string) => name > after : (name: string) => name >= prefix;
    for (let i = firstWhere(sorted, isPast); i < sorted.length; i++) {
      const entry = sorted[i] as Entry;
      if (!entry.name.startsWith(prefix)) return;
      if (this.#isHeld(entry)) yield entry.symbolId;
    }
  }

  /** Whether an id is still that of the symbol that was sorted. */
  readonly #isHeld = ({ symbolId, wireId }: Entry): boolean =>
    this.#symbols.wireId(symbolId) === wireId;

  async #extend(): Promise<void> {
    // Runs of halving length, as in a merge sort: each id is merged a logarithmic number of times.
    const runs: (readonly Entry[])[] = [];
    const end = this.#symbols.nextWireId;
    const { length } = this.#symbols.names;
    for (let start = 0; start < length; start += CHUNK) {
      const added = this.#added(start, Math.min(length, start + CHUNK), end);
      if (added.length === 0) continue;
      let run: readonly Entry[] = added.sort((a, b) => (a.name < b.name ? -1 : 1));
      while ((runs.at(-1)?.length ?? Number.POSITIVE_INFINITY) <= run.length) {
        run = merge(runs.pop() as readonly Entry[], run);
      }
      runs.push(run);
      await new Promise(setImmediate);
    }
    const kept = this.#sorted.filter(this.#isHeld);
    this.#sorted = [kept, ...runs].reduceRight((all, run) => merge(run, all), []);
    this.#end = end;
    this.#extension = undefined;
  }

  /** The symbols with ids from `start` to `to` and new wire ids below `end`. */
  #added(start: number, to: number, end: number): Entry[] {
    const added: Entry[] = [];
    for (let symbolId = start; symbolId < to; symbolId++) {
      const name = this.#symbols.names[symbolId];
      const wireId = this.#symbols.wireId(symbolId);
      if (name !== undefined && wireId >= this.#end && wireId < end) {
        added.push({ name, symbolId, wireId });
      }
    }
    return added;
  }
}

/** The first position whose symbol passes a test that all later ones pass, too. */
function firstWhere(sorted: readonly Entry[], isPast: (name: string) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isPast((sorted[middle] as Entry).name)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function merge(left: readonly Entry[], right: readonly Entry[]): readonly Entry[] {
  const merged: Entry[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length && r < right.length) {
    const a = left[l] as Entry;
    const b = right[r] as Entry;
    if (a.name < b.name) {
      merged.push(a);
      l++;
    } else {
      merged.push(b);
      r++;
    }
  }
  for (; l < left.length; l++) merged.push(left[l] as Entry);
  for (; r < right.length; r++) merged.push(right[r] as Entry);
  return merged;
}
