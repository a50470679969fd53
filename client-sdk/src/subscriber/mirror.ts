import { applyEntries, Digest, FULL, type SymbolValues } from '../../../src/protocol/index.ts';
import { type Life, MirroredSymbol } from './symbol-statistics.ts';

/**
 * The state of each subscribed symbol, updated entry by entry. Symbols survive a lost connection,
 * though not as live, and end with the epoch.
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

  /** Symbols with data, live or not, in no particular order. */
  symbols(): IterableIterator<MirroredSymbol> {
    return this.#symbols.values();
  }

  /** The name of an id, once a SYMBOLS frame has declared it. */
  nameOf(symbolId: number): string | undefined {
    return this.#names.get(symbolId);
  }

  /**
   * Takes the content of a SYMBOLS frame: alternating ids and symbols.
   *
   * @returns ids that are gone: their symbols were retired unnoticed, and have other ids now
   */
  learnNames(idsAndNames: readonly unknown[]): readonly number[] {
    const gone: number[] = [];
    for (let i = 0; i + 1 < idsAndNames.length; i += 2) {
      const symbolId = idsAndNames[i] as number;
      const symbol = idsAndNames[i + 1] as string;
      const before = this.#ids.get(symbol);
      if (before !== undefined && before !== symbolId) gone.push(before);
      this.#names.set(symbolId, symbol);
      this.#ids.set(symbol, symbolId);
    }
    return gone;
  }

  /** Forgets ids and what they stood for. Returns the symbols. */
  retire(symbolIds: readonly number[]): readonly string[] {
    const symbols: string[] = [];
    for (const symbolId of symbolIds) {
      const symbol = this.#names.get(symbolId);
      if (symbol === undefined) continue;
      symbols.push(symbol);
      this.#names.delete(symbolId);
      if (this.#ids.get(symbol) === symbolId) this.#ids.delete(symbol);
      this.#symbols.get(symbolId)?.retire();
      this.#symbols.delete(symbolId);
      this.#values.delete(symbolId);
    }
    return symbols;
  }

  /**
   * Applies the entries of a STATS frame.
   *
   * @returns what changed, in the order of the entries; the next call reuses the array
   * @throws RangeError if an entry is truncated, a delta precedes the session's full entry, or an
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
  disconnect(): void {
    this.#life.generation++;
  }

  /** A new epoch: drops every id and all state. Symbols handed out before are never live again. */
  reset(): void {
    this.disconnect();
    this.#life = { generation: 0 };
    this.#values.clear();
    this.#symbols.clear();
    this.#names.clear();
    this.#ids.clear();
    this.#changes = [];
  }

  /**
   * Drops the state of every symbol that `isKept` refuses. Names stay: the server sends each only
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
   * The digest of all live symbols as `VERIFY` defines it, and their number. O(n log n): sorts the
   * ids.
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
