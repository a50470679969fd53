import { applyEntries, Digest, FULL, type SymbolValues } from '../../../src/protocol/index.ts';
import { type Life, MirroredSymbol } from './symbol-statistics.ts';

/**
 * What a subscriber knows: the state of each subscribed symbol, brought up to date entry by entry.
 * Symbols outlive a lost connection, but not as live ones, and never an epoch.
 */
export class Mirror {
  #life: Life = { generation: 0 };
  readonly #values = new Map<number, SymbolValues>();
  readonly #symbols = new Map<number, MirroredSymbol>();
  readonly #names = new Map<number, string>();
  readonly #ids = new Map<string, number>();
  #changes: MirroredSymbol[] = [];

  get(symbol: string): MirroredSymbol | undefined {
    const symbolId = this.#ids.get(symbol);
    return symbolId === undefined ? undefined : this.#symbols.get(symbolId);
  }

  /** The symbols that have data, live or not, in no particular order. */
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
   * @throws RangeError when an entry is cut off, a delta comes before the session's full entry, or an
   *   id has no name
   */
  apply(entries: readonly number[]): readonly MirroredSymbol[] {
    const changes = this.#changes;
    changes.length = 0;
    applyEntries(entries, this.#values, (symbolId, mask, values) => {
      changes.push(this.#update(symbolId, mask, values));
    });
    return changes;
  }

  /** The connection is lost: nothing is live until the next one brings it. */
  loseTouch(): void {
    this.#life.generation++;
  }

  /** A new epoch: forgets every id and all state. Symbols handed out before are never live again. */
  reset(): void {
    this.loseTouch();
    this.#life = { generation: 0 };
    this.#values.clear();
    this.#symbols.clear();
    this.#names.clear();
    this.#ids.clear();
    this.#changes = [];
  }

  /**
   * Forgets the state of every symbol that `isKept` refuses. Names stay: the server tells each only
   * once.
   */
  retain(isKept: (symbol: string) => boolean): void {
    for (const held of this.#symbols.values()) {
      const { symbolId, symbol } = held;
      if (isKept(symbol)) continue;
      held.retire();
      this.#symbols.delete(symbolId);
      this.#values.delete(symbolId);
    }
  }

  /**
   * The digest of what is live, as `VERIFY` defines it, and of how many symbols. Sorts the ids:
   * O(n log n).
   */
  digest(): { readonly digest: number; readonly symbolCount: number } {
    const live = [...this.#symbols.values()].filter(({ isLive }) => isLive);
    live.sort((a, b) => a.symbolId - b.symbolId);
    const digest = new Digest();
    for (const { symbolId, values } of live) digest.add(symbolId, values);
    return { digest: digest.value, symbolCount: live.length };
  }

  #update(symbolId: number, mask: number, values: SymbolValues): MirroredSymbol {
    let held = this.#symbols.get(symbolId);
    if ((mask & FULL) === 0 && held?.isLive !== true) {
      throw new RangeError(`delta of symbol ${symbolId} before its full entry`);
    }
    if (held === undefined) {
      const symbol = this.#names.get(symbolId);
      if (symbol === undefined) throw new RangeError(`symbol id ${symbolId} has no name`);
      held = new MirroredSymbol(symbolId, symbol, values, this.#life);
      this.#symbols.set(symbolId, held);
    }
    held.note(mask);
    return held;
  }
}
