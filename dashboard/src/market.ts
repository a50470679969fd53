import type { SymbolStatistics } from '../../client-sdk/src/index.ts';
import type { SymbolSnapshot } from './http-api.ts';
import { SymbolRow } from './symbol-row.ts';

/** Trails of prices kept; rows seen longest ago lose theirs. */
const TRAILS_MAX = 500;

/** All symbols of the server. */
export class Market {
  readonly #rows = new Map<string, SymbolRow>();
  readonly #withTrail = new Set<SymbolRow>();

  get size(): number {
    return this.#rows.size;
  }

  get(symbol: string): SymbolRow | undefined {
    return this.#rows.get(symbol);
  }

  rows(): Iterable<SymbolRow> {
    return this.#rows.values();
  }

  /** Takes in a page of the list. */
  takePage(page: readonly SymbolSnapshot[]): void {
    for (const snapshot of page) this.#row(snapshot.symbol).takeSnapshot(snapshot);
  }

  /** Takes in an entry of a live frame. */
  takeLive(live: SymbolStatistics, nowMs: number): SymbolRow {
    const row = this.#row(live.symbol);
    if (row.trail === undefined) this.#keepTrail(row);
    row.takeLive(live, nowMs);
    return row;
  }

  /** Forgets everything: a new epoch began. */
  clear(): void {
    this.#rows.clear();
    this.#withTrail.clear();
  }

  #row(symbol: string): SymbolRow {
    let row = this.#rows.get(symbol);
    if (row === undefined) {
      row = new SymbolRow(symbol);
      this.#rows.set(symbol, row);
    }
    return row;
  }

  #keepTrail(row: SymbolRow): void {
    this.#withTrail.add(row);
    if (this.#withTrail.size <= TRAILS_MAX) return;
    for (const oldest of this.#withTrail) {
      oldest.trail = undefined;
      this.#withTrail.delete(oldest);
      return;
    }
  }
}
