import { applyEntries, Digest, type SymbolValues } from '../../src/protocol/index.ts';

/**
 * One symbol of a mirror. The same object stays for as long as the symbol is mirrored: copy what
 * must not change.
 */
export interface MirroredSymbol {
  readonly symbolId: number;
  readonly symbol: string;
  /** The statistics after the newest entry; NaN where a field was not asked for. */
  readonly values: Readonly<SymbolValues>;
  /** The fields that the newest entry carried. */
  readonly mask: number;
  /** `count` and `time` before the newest entry; NaN when it was the first. */
  readonly previousCount: number;
  readonly previousTime: number;
}

class HeldSymbol implements MirroredSymbol {
  readonly symbolId: number;
  readonly symbol: string;
  readonly values: Readonly<SymbolValues>;
  mask = 0;
  previousCount = NaN;
  previousTime = NaN;
  #count = NaN;
  #time = NaN;

  constructor(symbolId: number, symbol: string, values: Readonly<SymbolValues>) {
    this.symbolId = symbolId;
    this.symbol = symbol;
    this.values = values;
  }

  /** Called after each entry. */
  note(mask: number): void {
    this.mask = mask;
    this.previousCount = this.#count;
    this.previousTime = this.#time;
    this.#count = this.values.count;
    this.#time = this.values.time;
  }
}

/**
 * What a subscriber knows: the state of each subscribed symbol, brought up to date entry by entry.
 */
export class Mirror {
  readonly #values = new Map<number, SymbolValues>();
  readonly #symbols = new Map<number, HeldSymbol>();
  readonly #names = new Map<number, string>();
  readonly #ids = new Map<string, number>();
  readonly #changes: MirroredSymbol[] = [];

  /** Symbols that have data. */
  get size(): number {
    return this.#values.size;
  }

  get(symbol: string): MirroredSymbol | undefined {
    const symbolId = this.#ids.get(symbol);
    return symbolId === undefined ? undefined : this.#symbols.get(symbolId);
  }

  /** The symbols that have data, in no particular order. */
  symbols(): IterableIterator<MirroredSymbol> {
    return this.#symbols.values();
  }

  /** The name behind an id, once a SYMBOLS frame has told it. */
  nameOf(symbolId: number): string | undefined {
    return this.#names.get(symbolId);
  }

  /** Takes the content of a SYMBOLS frame: id and symbol in turn. */
  learnNames(idsAndNames: readonly unknown[]): void {
    for (let i = 0; i + 1 < idsAndNames.length; i += 2) {
      const symbolId = idsAndNames[i] as number;
      const symbol = idsAndNames[i + 1] as string;
      this.#names.set(symbolId, symbol);
      this.#ids.set(symbol, symbolId);
    }
  }

  /**
   * Applies the entries of a STATS frame.
   *
   * @returns what changed, in the order of the entries; the array is used again by the next call
   * @throws RangeError when an entry is cut off, a delta comes before its full entry, or an id has
   *   no name
   */
  apply(entries: readonly number[]): readonly MirroredSymbol[] {
    this.#changes.length = 0;
    applyEntries(entries, this.#values, (symbolId, mask, values) => {
      this.#changes.push(this.#update(symbolId, mask, values));
    });
    return this.#changes;
  }

  /**
   * Forgets the state of every symbol that `isKept` refuses. Names stay: the server tells each only
   * once.
   */
  retain(isKept: (symbol: string) => boolean): void {
    for (const { symbolId, symbol } of this.#symbols.values()) {
      if (isKept(symbol)) continue;
      this.#symbols.delete(symbolId);
      this.#values.delete(symbolId);
    }
  }

  /** The digest of what the mirror holds, as `VERIFY` defines it. Sorts the ids: O(n log n). */
  digest(): number {
    const digest = new Digest();
    const ids = Uint32Array.from(this.#values.keys()).sort();
    for (const symbolId of ids) digest.add(symbolId, this.#values.get(symbolId) as SymbolValues);
    return digest.value;
  }

  #update(symbolId: number, mask: number, values: SymbolValues): MirroredSymbol {
    let held = this.#symbols.get(symbolId);
    if (held === undefined) {
      const symbol = this.#names.get(symbolId);
      if (symbol === undefined) throw new RangeError(`symbol id ${symbolId} has no name`);
      held = new HeldSymbol(symbolId, symbol, values);
      this.#symbols.set(symbolId, held);
    }
    held.note(mask);
    return held;
  }
}
